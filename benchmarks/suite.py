"""The measures: each runs netsift and its peers on the same input in turn and yields rows of the table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.inputs import FEW_PACKETS, Capture, Inputs, Sizes
from benchmarks.measure import Usage, in_alternation, measure
from benchmarks.tools import NFPCAPD, NFSTREAM, SOFTFLOWD, TCPDUMP, netsift, netsift_detect, peer

MILLION: Final = 1e6
MIB: Final = 1 << 20
SELF: Final = "netsift"

FEWEST_TIMES_NFSTREAM: Final = 40
FEWEST_TIMES_SOFTFLOWD: Final = 1.0
FEWEST_TIMES_TCPDUMP: Final = 0.9
FEWEST_TIMES_ONE_CORE: Final = 1.7
FEWEST_FLOOD_PACKETS_S: Final = 1e6
MOST_BYTES_PER_FLOW: Final = 400
MOST_MIB: Final = 250
MOST_GROWTH: Final = 1.05
MOST_START_S: Final = 1.0
FEWEST_DETECT_PACKETS_S: Final = 1.5e6
BOUNDED_TABLE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a text per peer in ``peers`` and ``ratios``; ``met`` is None where nothing is promised."""

    measure: str
    netsift: str
    peers: Sequence[str] = ()
    ratios: Sequence[str] = ()
    target: str = ""
    met: bool | None = None


@dataclass(slots=True)
class Suite:
    """The measures over one set of captures. ``say`` is told what is being measured."""

    inputs: Inputs
    sizes: Sizes
    peers: Sequence[str]
    say: Callable[[str], None]
    _few: dict[str, Usage] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Measure everything, in the order of the table."""
        self.say("start-up")
        self._few = in_alternation(self._commands(self.inputs.few, slow=self.inputs.few), max(self.sizes.runs, 2))
        yield from self._throughput(self.inputs.large, self.inputs.one_replica, "all base captures")
        if self.inputs.without_floods:
            slow = self.inputs.one_replica_without_floods
            yield from self._throughput(self.inputs.without_floods, slow, "without flood captures")
        yield from self._detection()
        yield from self._two_cores()
        yield from self._flood()
        yield from self._memory()
        yield from self._start()

    def _commands(self, capture: Capture, slow: Capture | None, most_flows: int = 1_000_000) -> dict[str, list[str]]:
        """Return the command of each tool, NFStream's on the capture ``slow``, if any."""
        commands = {SELF: netsift(capture.path)}
        for name in self.peers:
            if name != NFSTREAM:
                commands[name] = peer(name, capture.path, most_flows)
            elif slow:
                commands[name] = peer(name, slow.path)
        return commands

    def _throughput(self, capture: Capture, slow: Capture | None, what: str) -> Iterator[Row]:
        self.say(f"throughput, {what}")
        used = in_alternation(self._commands(capture, slow), self.sizes.runs)
        packets = {name: slow.packets if name == NFSTREAM and slow else capture.packets for name in used}
        whole = {name: packets[name] / usage.cpu_s for name, usage in used.items()}
        alone = {name: packets[name] / max(used[name].cpu_s - self._few[name].cpu_s, 1e-9) for name in used}
        title = f"capture → all columns → Arrow, one core: {capture.packets / MILLION:.2f} M packets, {what}"
        yield self._rates(title, whole, used[SELF])
        yield self._rates("the same less start-up (the CPU seconds for 10 packets), every tool", alone, None)

    def _rates(self, title: str, rates: dict[str, float], usage: Usage | None) -> Row:
        needed = {
            NFSTREAM: FEWEST_TIMES_NFSTREAM, SOFTFLOWD: FEWEST_TIMES_SOFTFLOWD, TCPDUMP: FEWEST_TIMES_TCPDUMP,
        }  # fmt: skip
        ratios = {name: rates[SELF] / rate for name, rate in rates.items() if name != SELF}
        needed = {name: least for name, least in needed.items() if name in ratios}
        detail = f" ({usage.cpu_s:.2f} CPU s, {usage.wall_s:.2f} s wall, {usage.peak_mib:.0f} MiB)" if usage else ""
        return Row(
            title,
            f"{_millions(rates[SELF])} packets per CPU second{detail}",
            [f"{name} {_millions(rate)}" for name, rate in rates.items() if name != SELF],
            [f"{ratio:.2f} × {name}" for name, ratio in ratios.items()],
            ", ".join(f"≥ {least:g} × {name}" for name, least in needed.items()),
            all(ratios[name] >= least for name, least in needed.items()) if needed else None,
        )

    def _detection(self) -> Iterator[Row]:
        inputs = {
            "all base captures": self.inputs.small,
            "without flood captures": self.inputs.without_floods,
            "a flood of one-packet flows": self.inputs.flood_half,
        }
        for what, capture in inputs.items():
            if capture is not None:
                self.say(f"detection, {what}")
                yield from self._detected(capture, what)

    def _detected(self, capture: Capture, what: str) -> Iterator[Row]:
        """Yield capture → incidents beside capture → flows, with and without start-up."""
        few = self.inputs.few
        pairs = {
            "behaviours and model": ((), netsift_detect), "behaviours": (("--no-model",), netsift_detect),
        }  # fmt: skip
        commands = {SELF: netsift(capture.path)} | {
            name: command(capture.path, *options) for name, (options, command) in pairs.items()
        }
        starts = {SELF: netsift(few.path)} | {
            name: command(few.path, *options) for name, (options, command) in pairs.items()
        }
        used, start = in_alternation(commands, self.sizes.runs), in_alternation(starts, self.sizes.runs)
        rates = {name: capture.packets / usage.cpu_s for name, usage in used.items()}
        alone = {name: capture.packets / max(used[name].cpu_s - start[name].cpu_s, 1e-9) for name in used}
        for name in pairs:
            yield Row(
                f"capture → incidents, {name}: {capture.packets / MILLION:.2f} M packets, {what}",
                f"{_millions(rates[name])} packets per CPU second ({_millions(alone[name])} without start-up; "
                f"{used[name].cpu_s:.2f} CPU s, {used[name].peak_mib:.0f} MiB)",
                [
                    (f"netsift's flows to Arrow {_millions(rates[SELF])} ({_millions(alone[SELF])} without start-up; "
                    f"{used[SELF].peak_mib:.0f} MiB)")
                ],
                [f"{rates[name] / rates[SELF]:.2f} × flows to Arrow"],
                "≥ 1.5 M packets per CPU second", rates[name] >= FEWEST_DETECT_PACKETS_S,
            )  # fmt: skip

    def _two_cores(self) -> Iterator[Row]:
        for capture, what in ((self.inputs.large, "one large file"), (self.inputs.many_files, "16 files")):
            self.say(f"two cores, {what}")
            used = in_alternation({"1": netsift(capture.path), "2": netsift(capture.path, threads=2)}, self.sizes.runs)
            ratio = used["1"].wall_s / used["2"].wall_s
            yield Row(
                f"all base captures on two cores, {what}",
                f"{used['2'].wall_s:.2f} s wall ({used['2'].cpu_s:.2f} CPU s)",
                [f"netsift on one core {used['1'].wall_s:.2f} s wall ({used['1'].cpu_s:.2f} CPU s)"],
                [f"{ratio:.2f} × one core"],
                f"≥ {FEWEST_TIMES_ONE_CORE} × one core",
                ratio >= FEWEST_TIMES_ONE_CORE,
            )

    def _flood(self) -> Iterator[Row]:
        self.say("flood")
        flood, cut = self.inputs.flood, self.inputs.flood_cut
        roomy = str(flood.packets)
        commands = {SELF: netsift(flood.path), "roomy": netsift(flood.path, "--max-flows", roomy)}
        if SOFTFLOWD in self.peers:
            commands[SOFTFLOWD] = peer(SOFTFLOWD, flood.path, flood.packets)
        if NFSTREAM in self.peers:
            commands[NFSTREAM] = peer(NFSTREAM, cut.path)
        used = in_alternation(commands, self.sizes.runs)
        flows = {name: cut.packets if name == NFSTREAM else flood.packets for name in used}
        rates = {name: flows[name] / usage.cpu_s for name, usage in used.items()}
        peers = [name for name in (SOFTFLOWD, NFSTREAM) if name in used]
        title = f"flood of {flood.packets / MILLION:.2f} M one-packet flows"
        for name, label in ((SELF, "default table"), ("roomy", "table for all of them")):
            yield Row(
                f"{title}, {label}", f"{_millions(rates[name])} packets per CPU second ({used[name].cpu_s:.2f} CPU s)",
                [f"{other} {_millions(rates[other])}" for other in peers],
                [f"{rates[name] / rates[other]:.2f} × {other}" for other in peers],
                "≥ 1 M packets per CPU second", rates[name] >= FEWEST_FLOOD_PACKETS_S,
            )  # fmt: skip
        few = {"roomy": self._few[SELF]} | {name: self._few[name] for name in peers}
        size = {name: (used[name].peak_mib - few[name].peak_mib) * MIB / flows[name] for name in few}
        yield Row(
            "memory per live flow in that flood (peak less the peak for 10 packets)", f"{size['roomy']:.0f} bytes",
            [f"{name} {size[name]:.0f} bytes" for name in peers],
            [f"{size['roomy'] / size[name]:.2f} × {name}" for name in peers],
            f"< {MOST_BYTES_PER_FLOW} bytes", size["roomy"] < MOST_BYTES_PER_FLOW,
        )  # fmt: skip
        yield self._bounded_table()

    def _bounded_table(self) -> Row:
        options = ("--max-flows", str(BOUNDED_TABLE))
        half, whole = self.inputs.flood_half, self.inputs.flood
        used = in_alternation(
            {"half": netsift(half.path, *options), "whole": netsift(whole.path, *options)}, self.sizes.runs
        )
        growth = used["whole"].peak_mib / used["half"].peak_mib
        return Row(
            f"flood with a table of {BOUNDED_TABLE:,} flows", f"{used['whole'].peak_mib:.0f} MiB",
            [f"netsift on half of it {used['half'].peak_mib:.0f} MiB"], [f"{growth:.2f} × half of it"],
            "flat (≤ 1.05 ×)", growth <= MOST_GROWTH,
        )  # fmt: skip

    def _memory(self) -> Iterator[Row]:
        self.say("memory")
        large, small = self.inputs.large, self.inputs.small
        commands = {
            "large": netsift(large.path), "small": netsift(small.path), "threads": netsift(large.path, threads=2),
        }  # fmt: skip
        commands |= {name: peer(name, large.path) for name in (SOFTFLOWD, NFPCAPD, TCPDUMP) if name in self.peers}
        if NFSTREAM in self.peers:
            commands[NFSTREAM] = peer(NFSTREAM, self.inputs.one_replica.path)
        used = in_alternation(commands, 1)
        growth = used["large"].peak_mib / used["small"].peak_mib
        yield Row(
            f"peak memory on {large.packets / MILLION:.2f} M packets",
            f"{used['large'].peak_mib:.0f} MiB ({used['threads'].peak_mib:.0f} MiB on two cores)",
            [f"netsift on {small.packets / MILLION:.2f} M {used['small'].peak_mib:.0f} MiB"]
            + [f"{name} {used[name].peak_mib:.0f} MiB" for name in self.peers],
            [f"{growth:.2f} × {small.packets / MILLION:.2f} M packets"],
            f"< {MOST_MIB} MiB, flat (≤ 1.05 ×)", used["large"].peak_mib < MOST_MIB and growth <= MOST_GROWTH,
        )  # fmt: skip

    def _start(self) -> Iterator[Row]:
        few = self._few[SELF]
        others = [name for name in self.peers if name in self._few]
        yield Row(
            f"start-up to first flow, {FEW_PACKETS} packets, kernels cached",
            f"{few.wall_s:.2f} s wall ({few.cpu_s:.2f} CPU s, {few.peak_mib:.0f} MiB)",
            [f"{name} {self._few[name].wall_s:.2f} s ({self._few[name].cpu_s:.2f} CPU s)" for name in others],
            [f"{few.wall_s / self._few[name].wall_s:.2f} × {name}" for name in others if name == NFSTREAM],
            f"< {MOST_START_S:.1f} s wall", few.wall_s < MOST_START_S,
        )  # fmt: skip
        self.say("first run ever")
        with tempfile.TemporaryDirectory() as empty:
            command = [word for word in netsift(self.inputs.few.path) if word != "--quiet"]
            first = measure(command, {"NETSIFT_CACHE_DIRECTORY": empty})
        says = "compil" in first.output
        yield Row(
            "first run ever (kernels are compiled)",
            f"{first.wall_s:.1f} s wall, {'it says so' if says else 'in silence'}",
            target="says that it compiles", met=says,
        )  # fmt: skip


def _millions(rate: float) -> str:
    return f"{rate / MILLION:.3f} M" if rate < MILLION / 10 else f"{rate / MILLION:.2f} M"
