"""Puts alerts into a delivery whose receiver is dead until it is killed, and says how many it has put."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from netsift.sinks.delivery import Delivery
from netsift.sinks.spool import Spool
from netsift.sinks.webhook import WebhookSink
from tests.alerts.made import made

if __name__ == "__main__":
    sending = Delivery(WebhookSink(sys.argv[1], "secret"), Spool(Path(sys.argv[2]), 1 << 30), first_pause_s=0.01)
    sending.start()
    for number in count(1):
        sending.put([made(number)])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
