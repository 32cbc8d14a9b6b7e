"""Stores alerts where no file may grow any more, as on a full disk; says what the store says and what it has then."""

from __future__ import annotations

import resource
import signal
import sys

from netsift.errors import StoreError
from netsift.store.alert_filter import AlertFilter
from netsift.store.opening import open_store
from tests.alerts.made import made

if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open_store(sys.argv[1]) as store:
        store.alerts.upsert([made(1)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
        try:
            for first in range(2, 10_000, 500):
                store.alerts.upsert([made(number) for number in range(first, first + 500)])
        except StoreError as error:
            sys.stdout.write(f"{error}\n")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sys.stdout.write(f"{store.alerts.counts(AlertFilter()).total % 500}\n")
