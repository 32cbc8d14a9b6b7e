"""Flow batches from a network interface, and from a capture that comes through a pipe while it is written."""

from __future__ import annotations

import threading
from collections.abc import Generator

from netsift.capture.interface import InterfaceCapture
from netsift.capture.patient import PatientInput
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.errors import InputError
from netsift.flows.meter import random_key
from netsift.sources.live import BUFFERS, Arrays, LiveCounters, LiveSettings, Moment, live_flows

PIPE_DELAY_S = 5.0
"""By how much the packet clock stays behind while a pipe is silent: what writes into it may hold packets back."""


def interface_flows(
    capture: InterfaceCapture, settings: LiveSettings, counters: LiveCounters, stop: threading.Event
) -> Generator[Moment, None, None]:
    """Yield moments of an interface until ``stop`` is set, and then the flows that are left."""
    counters.interface = capture.counters
    decoding = PacketDecoding(random_key(), settings.inner_tunnels, arp=settings.arp)
    return live_flows(capture.batches(decoding, counters.capture, stop, BUFFERS), settings, counters)


def pipe_flows(settings: LiveSettings, counters: LiveCounters, stop: threading.Event) -> Generator[Moment, None, None]:
    """Yield moments of the capture on standard input until it ends or ``stop`` is set, then the flows that are left.

    Raises:
        InputError: it is no capture.
    """
    return live_flows(_piped(settings, counters, stop), settings, counters)


def _piped(settings: LiveSettings, counters: LiveCounters, stop: threading.Event) -> Arrays:
    source = PatientInput(stop)
    try:
        reader = CaptureReader(
            source, PacketDecoding(random_key(), settings.inner_tunnels, arp=settings.arp), counters.capture, BUFFERS
        )
    except InputError:
        if stop.is_set():
            return
        raise
    yield from reader.batches()
