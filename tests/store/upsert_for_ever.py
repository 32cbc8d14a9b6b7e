"""Stores one alert after the other until it is killed, and says how many it has stored."""

from __future__ import annotations

import sys
from itertools import count

from netsift.store.opening import open_store
from tests.alerts.made import made

if __name__ == "__main__":
    store = open_store(sys.argv[1])
    for number in count(1):
        store.alerts.upsert([made(number)])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
