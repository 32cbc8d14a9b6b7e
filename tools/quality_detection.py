"""Measure what ``netsift detect`` finds, on the public captures and simulated days at hand, for docs/quality.md.

    python tools/quality_detection.py --data ../shared/data

``make quality`` runs it after the rest of the page and keeps its part behind that. Detection is as shipped: the
behaviour detectors and the model in the package at its default rate; and the behaviour detectors alone beside it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from netsift.alerts.arp import ArpSearch  # noqa: E402
from netsift.alerts.behaviour import BehaviourSearch  # noqa: E402
from netsift.alerts.detection import Detected, detect  # noqa: E402
from netsift.alerts.pipeline import ModelSearch  # noqa: E402
from netsift.alerts.schema import Alert  # noqa: E402
from netsift.capture.arp import ArpLog  # noqa: E402
from netsift.cli.detect import DEFAULT_RATE  # noqa: E402
from netsift.detectors.behaviour import BEHAVIOURS  # noqa: E402
from netsift.errors import InputError  # noqa: E402
from netsift.models.bundle import Bundle, load_bundle  # noqa: E402
from netsift.models.context import with_needed_context  # noqa: E402
from netsift.models.taxonomy import BENIGN, classify  # noqa: E402
from netsift.simulate import SimulationSettings, simulate  # noqa: E402
from netsift.simulate.writing import read_labels  # noqa: E402
from netsift.sources.captures import CaptureSettings  # noqa: E402
from netsift.sources.flows import read_flows  # noqa: E402
from netsift.sources.statistics import ReadStatistics  # noqa: E402
from tools import quality_peers  # noqa: E402
from tools.quality_logs import LABELLED, QUIET, UNATTACKED, Log, log_lines  # noqa: E402

PAGE: Final = ROOT / "docs" / "quality.md"
MODEL: Final = ROOT / "src" / "netsift" / "models" / "default.netsift"
MARK: Final = "\n## What netsift detect finds\n"
PARTS: Final = tuple(range(9_401, 9_409))
PART: Final = SimulationSettings(duration_s=10_800)
"""A simulated day has eight parts of three hours, each of another seed and so of another network."""
ORDINARY_SEEDS: Final = (9_501, 9_502, 9_503, 9_504)
SAME_ATTACK_NS: Final = 1_800 * 10**9
"""Attack flows of one class with less than half an hour between them are one attack."""

VISIBLE: Final = ("scan", "flood", "brute_force", "tunnel", "exfiltration", "slow_http", "c2")
"""Classes of what shows in the flows of a network."""
CLASS_OF_CATEGORY: Final = {"Command and Control": "c2"}
"""Classes of published categories that the taxonomy does not know."""
COUNTS_AS: Final = {
    "tunnel": {"tunnel", "c2"}, "c2": {"c2", "tunnel"}, "flood": {"flood", "slow_http"},
    "slow_http": {"slow_http", "flood"}, "exploit": {"exploit", "scan", "infiltration"},
}  # fmt: skip
"""Categories of an alert that are right for a class beside its own: a tunnel is command and control by its purpose,
a slow request is a denial of service, and a worm (an exploit) is seen by how it looks for others."""
BINS: Final = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Flow batches, and what the ARP packets beside them say."""

    flows: list[pa.RecordBatch]
    arp: np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a capture of a class: by detection as shipped and by behaviours alone, and by peers.

    ``strengths`` are how far ordinary traffic went with each behaviour, as a share of its limit.
    """

    name: str
    category: str
    wanted: str
    learned: bool
    shipped: Detected
    behaviours: Detected
    peers: dict[str, bool]
    strengths: dict[str, float]


@dataclass(frozen=True, slots=True)
class Attack:
    """Attack flows of one class and time in simulated traffic, and which hosts they join, in both directions."""

    wanted: str
    start_ns: int
    end_ns: int
    pairs: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Day:
    """A part of the simulated day: how many attacks there were and were found, its incidents, a mark for each alert."""

    attacks: int
    found: int
    missed: tuple[str, ...]
    incidents: int
    false: tuple[Alert, ...]
    marks: tuple[tuple[float, bool], ...]


class Searcher:
    """Detection as it ships, and its parts."""

    def __init__(self, bundle: Bundle) -> None:
        """Take the model."""
        self._bundle = bundle

    def shipped(self, traffic: Traffic, model: bool = True) -> Detected:
        """Return what behaviours, and the model unless told otherwise, find in traffic."""
        arp = ArpSearch(ArpLog())
        arp.log.add(traffic.arp)
        if not model:
            return detect(traffic.flows, BehaviourSearch(), None, arp=arp)
        search = ModelSearch.of(self._bundle, DEFAULT_RATE, required=False)
        flows = with_needed_context(traffic.flows, self._bundle.manifest.feature_names)
        return detect(flows, BehaviourSearch(), search, arp=arp)

    def strengths(self, flows: Sequence[pa.RecordBatch]) -> dict[str, float]:
        """Return how far flows go with each behaviour."""
        search = BehaviourSearch()
        for batch in flows:
            search.add(batch)
        return _greatest(search.strengths())


def _greatest(strengths: Iterable[tuple[str, float]]) -> dict[str, float]:
    greatest: dict[str, float] = {}
    for name, strength in strengths:
        greatest[name] = max(strength, greatest.get(name, 0.0))
    return greatest


def main() -> None:
    """Measure, and write the part of the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--parts", type=int, default=len(PARTS), help="parts of the simulated day")
    arguments = parser.parse_args()

    def say(what: str) -> None:
        print(what, file=sys.stderr, flush=True)

    searcher = Searcher(load_bundle(MODEL))
    captures = list(on_captures(arguments.data, searcher, load_bundle(MODEL), say))
    logs = {log.name: on_log(arguments.data, log, searcher) for log in (*LABELLED, *QUIET)}
    with tempfile.TemporaryDirectory() as folder:
        ordinary = on_ordinary(arguments.data, Path(folder), searcher, say)
        days = [on_day(Path(folder) / f"{seed}.pcap", seed, searcher, say) for seed in PARTS[: arguments.parts]]
    text = part(captures, logs, days, ordinary)
    before = arguments.page.read_text(encoding="utf-8").split(MARK)[0] if arguments.page.exists() else ""
    arguments.page.write_text(before + text, encoding="utf-8")
    print(text)


def traffic_of(*paths: Path) -> Traffic:
    """Return the flows and ARP packets of captures or logs, no flows where nothing in them can be read."""
    arp = ArpLog()
    try:
        flows = list(read_flows([str(path) for path in paths], CaptureSettings(arp=arp), ReadStatistics()))
    except InputError:
        flows = []
    return Traffic(flows, arp.take())


def on_captures(data: Path, searcher: Searcher, bundle: Bundle, say: Say) -> Iterator[Found]:
    """Yield what was found in every labelled capture that has a flow."""
    learned = {one.sha256 for one in bundle.manifest.training}
    entries, traffic = [], []
    with (data / "captures.csv").open(newline="", encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            held = traffic_of(data / entry["file"])
            if held.flows:
                entries.append(entry)
                traffic.append(held)
    benign = [entry["label"] == "benign" for entry in entries]
    peers = quality_peers.verdicts([entry["file"] for entry in entries], [one.flows for one in traffic], benign, say)
    for place, (entry, held) in enumerate(zip(entries, traffic, strict=True)):
        say(entry["file"])
        digest = hashlib.sha256((data / entry["file"]).read_bytes()).hexdigest()
        yield Found(
            entry["file"],
            entry["category"],
            BENIGN if benign[place] else class_of(entry["category"]),
            digest in learned,
            searcher.shipped(held),
            searcher.shipped(held, model=False),
            {name: flagged[place] for name, flagged in peers.items() if place in flagged},
            searcher.strengths(held.flows) if benign[place] else {},
        )


def class_of(category: str) -> str:
    """Return the class of a category of the list of captures."""
    return CLASS_OF_CATEGORY.get(category, classify(category).name)


def is_right(alert: Alert, wanted: str) -> bool:
    """Return whether the category of an alert is right for a class."""
    return alert.category in COUNTS_AS.get(wanted, {wanted})


def on_log(data: Path, log: Log, searcher: Searcher) -> Detected:
    """Return what was found in the files of a log, in the order of their names."""
    return searcher.shipped(traffic_of(*sorted(data.glob(log.pattern))))


@dataclass(frozen=True, slots=True)
class Ordinary:
    """How far traffic without attacks goes with each behaviour, by where it is from; incidents of what is simulated."""

    strengths: dict[str, dict[str, float]]
    incidents: Counter[tuple[str, str]]


def on_ordinary(data: Path, folder: Path, searcher: Searcher, say: Say) -> Ordinary:
    """Return what ordinary traffic other than captures does: that of quiet logs, and simulated."""
    logs: dict[str, float] = {}
    for log in UNATTACKED:
        logs = _greater(logs, searcher.strengths(traffic_of(*sorted(data.glob(log.pattern))).flows))
    simulated: dict[str, float] = {}
    incidents: Counter[tuple[str, str]] = Counter()
    for seed in ORDINARY_SEEDS:
        say(f"simulated without attacks, seed {seed}")
        path = folder / f"ordinary-{seed}.pcap"
        simulate(path, replace(PART, seed=seed, attacks="none"))
        traffic = traffic_of(path)
        simulated = _greater(simulated, searcher.strengths(traffic.flows))
        incidents.update((one.category, "+".join(one.detectors)) for one in searcher.shipped(traffic).incidents)
        path.unlink()
    return Ordinary({"quiet logs": logs, "simulated": simulated}, incidents)


def _greater(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in (*one, *other)}


def on_day(path: Path, seed: int, searcher: Searcher, say: Say) -> Day:
    """Simulate a part of a day, look for its attacks, and hold both against each other."""
    say(f"simulated, seed {seed}")
    simulate(path, replace(PART, seed=seed))
    found = searcher.shipped(traffic_of(path))
    attacks = list(attacks_of(read_labels(path.with_suffix(".labels.csv"))))
    path.unlink()
    return judged(attacks, found)


def attacks_of(labels: Sequence[dict[str, str]]) -> Iterator[Attack]:
    """Yield the attacks in the labels of simulated traffic."""
    of_class: dict[str, list[tuple[int, int, str, str]]] = {}
    for row in labels:
        if row["label"] != "benign":
            times = int(row["start_time_ns"]), int(row["end_time_ns"])
            of_class.setdefault(row["attack"], []).append((*times, row["src_ip"], row["dst_ip"]))
    for name, rows in sorted(of_class.items()):
        pairs: set[tuple[str, str]] = set()
        start_ns = end_ns = 0
        for begin, end, source, target in sorted(rows):
            if pairs and begin > end_ns + SAME_ATTACK_NS:
                yield Attack(classify(name).name, start_ns, end_ns, frozenset(pairs))
                pairs = set()
            start_ns, end_ns = (start_ns, max(end_ns, end)) if pairs else (begin, end)
            pairs |= {(source, target), (target, source)}
        yield Attack(classify(name).name, start_ns, end_ns, frozenset(pairs))


def judged(attacks: Sequence[Attack], found: Detected) -> Day:
    """Hold the attacks of a day against the alerts: one is found by an alert of a right category that meets it.

    An incident is false when none of its alerts meets any attack.
    """
    hit = {alert.id: [one for one in attacks if meets(alert, one)] for alert in found.alerts}
    seen = {id(one) for alert in found.alerts for one in hit[alert.id] if is_right(alert, one.wanted)}
    false = [one for one in found.incidents if not any(hit.get(member) for member in one.members or (one.id,))]
    return Day(
        attacks=len(attacks),
        found=len(seen),
        missed=tuple(one.wanted for one in attacks if id(one) not in seen),
        incidents=len(found.incidents),
        false=tuple(false),
        marks=tuple((alert.confidence, bool(hit[alert.id])) for alert in found.alerts),
    )


def meets(alert: Alert, attack: Attack) -> bool:
    """Return whether an alert and an attack have a time, and a source with a target, in common."""
    if alert.start_ns > attack.end_ns or attack.start_ns > alert.end_ns:
        return False
    sources, targets = set(alert.sources), set(alert.targets)
    return any(source in sources and target in targets for source, target in attack.pairs)


def part(
    captures: Sequence[Found],
    logs: dict[str, Detected],
    days: Sequence[Day],
    ordinary: Ordinary,
) -> str:
    """Return the part of the page."""
    return "\n".join(
        [
            HEAD.format(rate=DEFAULT_RATE, learned=sum(one.learned for one in captures), captures=len(captures)),
            *targets(captures, days),
            SETS.format(visible=", ".join(f"*{name}*" for name in VISIBLE)),
            *by_category(captures),
            "\n### Benign captures with an incident\n",
            *benign_incidents(captures),
            "\n### How near ordinary traffic comes to the limits\n",
            *limit_lines([one for one in captures if one.wanted == BENIGN], ordinary.strengths),
            "\n### The simulated day\n",
            *day_lines(days, ordinary),
            "\n### Logs of other tools\n",
            *log_lines(logs),
            "\n### How sure is sure\n",
            *calibration_lines(captures, days),
            "",
        ]
    )


HEAD: Final = (
    MARK
    + """
`make quality` measures `netsift detect` as it ships, behaviour detectors and the model in the package at its default
rate of {rate}, beside the behaviour detectors alone. Of {captures} labelled captures that have a flow, the model
learned from {learned} (the SHA-256 of each stands in the model file); *held back* counts the others alone.

| | target | as shipped | held back | behaviours alone |
|---|---|---|---|---|"""
)

SETS: Final = """
- *visible* attacks are those whose category in `captures.csv` is of one of these classes of netsift's taxonomy:
  {visible}. They are what shows in the flows of a network, whether or not anything
  found it. Categories are as published: *CredAccess*, *Discovery* and *Command and Control* name what an attacker did
  on Windows hosts, which need not be many flows.
- An incident is *right* when one of its alerts has the capture's class. Tunnel and command and control count as each
  other, because published labels name either what a channel is or what it is for; so do flood and slow HTTP.
- The simulated day has eight parts of three hours with the simulator's defaults, each of another network, of the
  seeds {seeds}, on which nothing was tuned: detectors were improved by looking at the days of the seeds 9001 to 9008,
  9201 to 9208 and 9301 to 9308, and 9101 to 9108 had been measured before. Its network has a host that scans the
  others by appointment; its alerts are right about the scan. An attack is all flows of a class with less than half an
  hour between them; it is found by an alert of its category that has its time and a source and target of it; an
  incident without any such alert is false.

| category of `captures.csv` | class | captures | right | any incident | right, behaviours alone |
|---|---|---|---|---|---|""".replace("{seeds}", f"{PARTS[0]} to {PARTS[-1]}")


def targets(captures: Sequence[Found], days: Sequence[Day]) -> Iterator[str]:
    """Yield the rows of what was promised."""
    attacks = [one for one in captures if one.wanted != BENIGN]
    visible = [one for one in attacks if one.wanted in VISIBLE]
    benign = [one for one in captures if one.wanted == BENIGN]
    rows: list[tuple[str, str, list[Found], Callable[[Found, Detected], bool]]] = [
        ("visible attack captures with a right incident", "95 %", visible, lambda one, of: right(of, one.wanted)),
        ("all attack captures with any incident", "75 %", attacks, lambda _, of: bool(of.incidents)),
        ("all attack captures with a right incident", "", attacks, lambda one, of: right(of, one.wanted)),
        ("benign captures with no incident", "97 %", benign, lambda _, of: not of.incidents),
    ]
    for what, target, of, holds in rows:
        held = [one for one in of if not one.learned]
        shares = [
            share(sum(holds(one, one.shipped) for one in of), len(of)),
            share(sum(holds(one, one.shipped) for one in held), len(held)),
            share(sum(holds(one, one.behaviours) for one in of), len(of)),
        ]
        yield f"| {what} | {target} | {' | '.join(shares)} |"
    for name in quality_peers.PEERS:
        attack = [one for one in attacks if name in one.peers]
        quiet = [one for one in benign if name in one.peers]
        said = share(sum(one.peers[name] for one in attack), len(attack))
        silent = share(sum(not one.peers[name] for one in quiet), len(quiet))
        yield f"| {name}: attack captures flagged, benign ones not | | {said}, {silent} | | |"
    if days:
        found, all_of_them = sum(day.found for day in days), sum(day.attacks for day in days)
        yield f"| attacks of the simulated day found | 98 % | {share(found, all_of_them)} | | |"
        false = sum(len(day.false) for day in days) * len(PARTS) / len(days)
        yield f"| false incidents on the simulated day | ≤ 1 | {false:.0f} | | |"


def right(found: Detected, wanted: str) -> bool:
    """Return whether an alert has the category of a class."""
    return any(is_right(alert, wanted) for alert in found.alerts)


def share(some: int, of: int) -> str:
    """Return a share in percent and as counts."""
    return f"{some / of:.0%} ({some} of {of})" if of else "–"


def by_category(captures: Sequence[Found]) -> Iterator[str]:
    """Yield a row for every published category of attacks."""
    attacks = [one for one in captures if one.wanted != BENIGN]
    for category in sorted({one.category for one in attacks}, key=str.casefold):
        of = [one for one in attacks if one.category == category]
        wanted = of[0].wanted
        counts = (
            len(of),
            sum(right(one.shipped, wanted) for one in of),
            sum(bool(one.shipped.incidents) for one in of),
            sum(right(one.behaviours, wanted) for one in of),
        )
        name = wanted if wanted in VISIBLE else f"{wanted} (not visible)"
        yield f"| {category} | {name} | {' | '.join(map(str, counts))} |"


def benign_incidents(captures: Sequence[Found]) -> Iterator[str]:
    """Yield a line for every incident of a benign capture."""
    lines = [
        f"- `{one.name}`: {incident.reason}"
        for one in captures
        if one.wanted == BENIGN
        for incident in one.shipped.incidents
    ]
    yield from lines or ["None."]


def limit_lines(benign: Sequence[Found], ordinary: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield for every behaviour how far ordinary traffic goes: benign captures, and what else there is by its name."""
    yield (
        "Limits are set by the spread of ordinary traffic. The strength of a behaviour is 1 at its limit. Of the\n"
        "benign captures, how many do anything of the kind, how many come to half of the limit, and how near the\n"
        "nearest comes; how near other ordinary traffic comes: logs of devices and of a host that nobody attacked,\n"
        "and three hours of four simulated networks without attacks (whose authorised scanner scans).\n"
    )
    yield f"| behaviour | do it at all | half of the limit | the nearest | {' | '.join(ordinary)} |"
    yield f"|{'---|' * (4 + len(ordinary))}"
    for behaviour in BEHAVIOURS:
        reached = [strength for one in benign if (strength := one.strengths.get(behaviour.name, 0.0)) > 0]
        half = sum(strength >= 0.5 for strength in reached)
        others = "".join(f" {of.get(behaviour.name, 0.0):.2f} |" for of in ordinary.values())
        yield f"| `{behaviour.name}` | {len(reached)} | {half} | {max(reached, default=0.0):.2f} |{others}"


def day_lines(days: Sequence[Day], ordinary: Ordinary) -> Iterator[str]:
    """Yield which attacks were missed, and every kind of false incident."""
    missed = Counter(name for day in days for name in day.missed)
    yield "Missed: " + (", ".join(f"{name} {count}" for name, count in missed.most_common()) or "none") + ".\n"
    false = Counter((one.category, "+".join(one.detectors)) for day in days for one in day.false)
    example = {(one.category, "+".join(one.detectors)): one.reason for day in reversed(days) for one in day.false}
    yield "| false incidents of | number | one of them |\n|---|---|---|"
    for kind, count in false.most_common():
        yield f"| {kind[0]}: {kind[1]} | {count} | {example[kind]} |"
    kinds = ", ".join(
        f"{category}: {detectors} {count}" for (category, detectors), count in ordinary.incidents.most_common()
    )
    yield (
        f"\nIn three hours each of {len(ORDINARY_SEEDS)} such networks without any attack, incidents of: "
        f"{kinds or 'none'}. Each network has an authorised scanner, whose scans are one incident."
    )


def calibration_lines(captures: Sequence[Found], days: Sequence[Day]) -> Iterator[str]:
    """Yield the table of confidence against the share of alerts that are right."""
    yield (
        "Alerts by their confidence, and the share that is right: in captures those of an attack capture with its\n"
        "class, on the simulated day those with the time, a source and a target of an attack.\n"
    )
    yield "| confidence | captures: alerts | mean | right | simulated: alerts | mean | right |"
    yield "|---|---|---|---|---|---|---|"
    real = [(alert.confidence, is_right(alert, one.wanted)) for one in captures for alert in one.shipped.alerts]
    made = [mark for day in days for mark in day.marks]
    for low, high, first, second in reliability(real, made):
        yield f"| {low:.2f} to {high:.2f} | {' | '.join((*first, *second))} |"


def reliability(
    *marked: Sequence[tuple[float, bool]],
) -> Iterator[tuple[float, float, tuple[str, str, str], tuple[str, str, str]]]:
    """Yield for every bin of confidence the number of alerts, their mean confidence and the share that is right."""
    for low, high in pairwise(BINS):
        cells = []
        for marks in marked:
            of = [mark for mark in marks if low <= mark[0] < high or (high == BINS[-1] and mark[0] == high)]
            mean = f"{sum(mark[0] for mark in of) / len(of):.2f}" if of else "–"
            cells.append((str(len(of)), mean, f"{sum(mark[1] for mark in of) / len(of):.2f}" if of else "–"))
        yield low, high, cells[0], cells[1]


if __name__ == "__main__":
    main()
