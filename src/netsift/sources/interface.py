"""Flow batches from a network interface, and from a capture that comes through a pipe while it is written."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import replace
from typing import Final

from netsift.capture.interface import InterfaceCapture
from netsift.capture.kept import Keep, kept_batches
from netsift.capture.patient import PatientInput
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.errors import InputError
from netsift.flows.meter import random_key
from netsift.sources.live import BUFFERS, Arrays, LiveCounters, LiveSettings, Moment, live_flows

PIPE_DELAY_S: Final = 5.0
"""By how much the packet clock stays behind while a pipe is silent: what writes into it may hold packets back."""


def interface_flows(
    capture: InterfaceCapture,
    settings: LiveSettings,
    counters: LiveCounters,
    stop: threading.Event,
    keep: Keep | None = None,
) -> Generator[Moment, None, None]:
    """Yield moments of an interface until ``stop`` is set, and then the flows that are left.

    ``keep`` is given the bytes of the packets before they are metered.
    """
    counters.interface = capture.counters
    return live_flows(_captured(capture, settings, counters, stop, keep), settings, counters)


def _captured(
    capture: InterfaceCapture,
    settings: LiveSettings,
    counters: LiveCounters,
    stop: threading.Event,
    keep: Keep | None,
) -> Arrays:
    decoding = PacketDecoding(random_key(), settings.inner_tunnels, arp=settings.arp, arp_records=keep is not None)
    batches = capture.batches_with_records(decoding, counters.capture, stop, BUFFERS)
    yield from kept_batches(batches, lambda: capture, keep)


def pipe_flows(
    settings: LiveSettings, counters: LiveCounters, stop: threading.Event, keep: Keep | None = None
) -> Generator[Moment, None, None]:
    """Yield moments of the capture on standard input until it ends or ``stop`` is set, then the flows that are left.

    ``keep`` is as in :func:`interface_flows`.

    Raises:
        InputError: it is no capture.
    """
    patient = replace(settings, silence_delay_s=PIPE_DELAY_S)
    return live_flows(_piped(patient, counters, stop, keep), patient, counters)


def _piped(settings: LiveSettings, counters: LiveCounters, stop: threading.Event, keep: Keep | None) -> Arrays:
    source = PatientInput(stop)
    decoding = PacketDecoding(random_key(), settings.inner_tunnels, arp=settings.arp, arp_records=keep is not None)
    try:
        reader = CaptureReader(source, decoding, counters.capture, BUFFERS)
    except InputError:
        if stop.is_set():
            return
        raise
    yield from kept_batches(reader.batches_with_records(), lambda: reader, keep)
