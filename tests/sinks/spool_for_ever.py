"""Adds messages to a spool until it is killed, and says how many it has added."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from netsift.sinks.spool import Spool

if __name__ == "__main__":
    spool = Spool(Path(sys.argv[1]), 1 << 30)
    for number in count(1):
        spool.add([(str(number), b"message")])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
