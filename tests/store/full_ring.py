"""Keeps packets where files may not grow for a while, as on a full disk; says how many were lost and why."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from netsift.store.packets import SMALLEST_RING, PacketRing
from tests.store.test_packets import packet

if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with PacketRing(Path(sys.argv[1]), SMALLEST_RING) as ring:
        ring.append(packet(number) for number in range(500))
        ring.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
        ring.append(packet(number) for number in range(500, 2_000))
        ring.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        ring.append([packet(9_999)])
    sys.stdout.write(f"{ring.counters.lost}\n{ring.counters.trouble}\n")
