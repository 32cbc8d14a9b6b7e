"""Stores flows where no file may grow beyond a size, as on a full disk, and again when it may."""

from __future__ import annotations

import resource
import signal
import sys

from netsift.errors import OutputError
from netsift.store.flow_filter import FlowFilter
from netsift.store.flows import FlowStore
from tests.store.flow_batches import batch_of, some_flows

if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    rows = some_flows(60)
    store = FlowStore(sys.argv[1])
    store.append(batch_of(rows[:40]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
    try:
        store.flush()
    except OutputError:
        sys.stdout.write(f"refused {store.held}\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.append(batch_of(rows[40:]))
    store.flush()
    sys.stdout.write(f"written {store.totals(FlowFilter()).flows}\n")
