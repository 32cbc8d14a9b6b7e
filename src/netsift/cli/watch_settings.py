"""What a watch does: flags, environment and file together, and which of it can change while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from netsift.cli.simulate import duration_seconds
from netsift.errors import NetsiftError

if TYPE_CHECKING:
    from netsift.alerts.suppression import Suppression
    from netsift.cli.watching import Looking
    from netsift.config import Loaded
    from netsift.sensor.recording import Recording

FLAGS: Final[Mapping[str, str]] = {
    "expression": "capture.filter",
    "exclude": "capture.exclude",
    "promiscuous": "capture.promiscuous",
    "snap_length": "capture.snap_length",
    "ring": "capture.ring_mib",
    "user": "capture.user",
    "settled": "capture.settled_s",
    "fanout": "capture.processes",
    "tunnels": "capture.tunnels",
    "snapshot": "capture.snapshot_s",
    "idle_timeout": "flows.idle_timeout_s",
    "active_timeout": "flows.active_timeout_s",
    "tcp_end": "flows.tcp_end",
    "max_flows": "flows.max_flows",
    "first_packets": "flows.first_packets",
    "model": "detection.model",
    "key": "detection.key",
    "baseline": "detection.baseline",
    "false_positive_rate": "detection.false_positive_rate",
    "everything": "detection.everything",
    "data": "store.data",
    "keep_packets": "store.packet_bytes",
}
"""Parameters of the command and the values of the configuration that they stand for."""

_GIVEN: Final = frozenset({"COMMANDLINE", "ENVIRONMENT"})
_RATE: Final = "detection.false_positive_rate"


def flags_of(context: typer.Context) -> dict[str, Any]:
    """Return the values of the flags that were given, by dotted name. Raises UsageError for a time that is none."""
    given: dict[str, Any] = {}
    for parameter, name in FLAGS.items():
        source = context.get_parameter_source(parameter)
        if source is None or source.name not in _GIVEN:
            continue
        value = context.params[parameter]
        if parameter == "snapshot":
            value = duration_seconds(value, "--snapshot")
        given[name] = str(value) if isinstance(value, Path) else value
    return given


def is_given(loaded: Loaded, name: str) -> bool:
    """Return whether somebody chose a value, wherever."""
    return any(one.name == name and one.origin != "default" for one in loaded.values)


class Reloading:
    """Takes what has changed in the configuration, as far as that is safe, and says what it did."""

    def __init__(
        self,
        load: Callable[[], Loaded],
        rules: Callable[[], Suppression],
        looking: Looking,
        recording: Recording | None,
    ) -> None:
        """Remember what is in force; ``load`` and ``rules`` read it again."""
        self._load, self._rules = load, rules
        self._looking, self._recording = looking, recording
        self._loaded = load()

    def reload(self) -> list[str]:
        """Return sentences: what was taken, what waits for the next start, or why nothing was."""
        try:
            fresh, rules = self._load(), self._rules()
            changed = _changed(self._loaded, fresh)
            if _RATE in changed:
                self._looking.flag_at_rate(fresh.configuration.detection.false_positive_rate)
            if self._recording is not None and any(name.startswith("sinks.") for name in changed):
                self._recording.tell_others(fresh.configuration.sinks)
        except NetsiftError as error:
            return [f"the configuration was not taken: {error}"]
        self._looking.own_rules = rules.rules
        self._loaded = fresh
        safe = [name for name in changed if name == _RATE or (name.startswith("sinks.") and self._recording)]
        said = [f"read again: {', '.join(['rules that hide alerts', *safe])}"]
        if later := [name for name in changed if name not in safe]:
            said.append(f"{', '.join(later)}: from the next start on")
        return said


def _changed(before: Loaded, after: Loaded) -> list[str]:
    old = {one.name: one.value for one in before.values}
    return [one.name for one in after.values if old[one.name] != one.value]
