"""Appends flows until it is killed, and says after each write how many are in files."""

from __future__ import annotations

import sys
from itertools import count

from netsift.store.flow_results import FlowSettings
from netsift.store.flows import FlowStore
from tests.store.flow_batches import HOUR, NOON, batch_of, flow

if __name__ == "__main__":
    store = FlowStore(sys.argv[1], FlowSettings(held_rows=20))
    for number in count(1):
        store.append(batch_of([flow(NOON + place * HOUR // 10 + number) for place in range(20)]))
        sys.stdout.write(f"{number * 20}\n")
        sys.stdout.flush()
