"""Keeps packets until it is killed, and says after each write how many it has kept."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from netsift.store.packets import PacketRing
from tests.store.test_packets import packet

if __name__ == "__main__":
    ring = PacketRing(Path(sys.argv[1]), 64 << 20)
    for number in count():
        ring.append([packet(number)])
        if number % 50 == 49:
            ring.flush()
            sys.stdout.write(f"{number + 1}\n")
            sys.stdout.flush()
