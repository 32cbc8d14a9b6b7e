"""Measure how well models travel, on the public data at hand, and keep the figures as docs/quality.md.

    python tools/quality.py --data ../shared/data

Every row is an honest protocol with the forest of the published baselines (50 trees, depth 5) beside netsift's default
learner, on the same rows and columns. A change of the code that makes a row worse shows as a change of the page.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from netsift.errors import InputError
from netsift.evaluation.metrics import Curve, Values, curve_measures, operating_point
from netsift.evaluation.protocols import PROTOCOLS, Cut, Options, Protocol, Split
from netsift.evaluation.protocols.folds import campaigns
from netsift.evaluation.running import evaluate, scores_of
from netsift.models.artefacts import artefact
from netsift.models.choice import choose_features
from netsift.models.dataset import Dataset, Sampling, read_dataset
from netsift.models.features import FLOW_FEATURES, MISSING, FeatureMatrix
from netsift.models.labelled import BENIGN, LabelledInput, labelled_batches
from netsift.models.learners import DEFAULT, LEARNERS
from netsift.models.learners.base import Learner
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.random_forest import RandomForest
from netsift.models.manifest import ProtocolResult
from netsift.simulate import SimulationSettings, simulate
from netsift.sources.statistics import ReadStatistics

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "quality.md"
CIC, CAPTURES, SIMULATED = "CIC-IDS2017", "public captures", "simulated"
UNSW, IOT = "UNSW-NB15", "IoT-23"
SAMPLING: Final = Sampling(max_rows=60_000, max_rows_per_file=5_000)
OF_A_NETWORK: Final = Sampling(max_rows_per_file=5_000, max_rows_per_network=6_000)
COLUMNS: Final = tuple(feature.name for feature in FLOW_FEATURES if not artefact(feature.name))
RATES: Final = (0.01, 0.001)
SEEDS: Final = (101, 102, 103)
DAY_NS: Final = 86_400_000_000_000
LEARNERS_SHOWN: Final[dict[str, Learner]] = {
    "forest 50 × 5": RandomForest(ForestSettings(trees=50, depth=5, leaf_rows=1)),
    "netsift": LEARNERS[DEFAULT],
}

HEAD: Final = """# How well models travel

`make quality` measures this on the public data at hand and writes this page, so that a change that makes a row worse
shows as a change of the page. Every row trains both models on the same rows and columns; the threshold of F1 is chosen
on the training side. *forest 50 × 5* is a random forest of 50 trees of depth 5, as in much published work; *netsift* is
what `netsift train` does unless told otherwise ([learners.md](learners.md)). Recall is that of attack flows at a share
of false positives on the tested benign flows.

| trained on → tested on | model | F1 | ROC AUC | recall at 1 % | at 0.1 % |
|---|---|---|---|---|---|
"""

FOOT: Final = """
- *CIC-IDS2017* is the corrected edition (Engelen, Rimmer, Joosen 2021; Liu et al. 2022), {cic:,} flows, of which
  {share:.0%} are attacks: flagging everything would have an F1 of {all_flagged:.3f}. Monday to Wednesday hold brute
  force and denial of service, Thursday and Friday web attacks, scans, a botnet and a flood by another tool.
- *public captures* are read by netsift's own meter. A capture's label holds for its every flow though attack captures
  hold ordinary packets too, so no model can reach 1.
- *simulated* is `netsift simulate` with the seeds {seeds}: attacks that CIC-IDS2017 has nothing like (floods of single
  packets, tunnels, worms) beside a monitoring host and a crawler that look like scans.
- Leave-one-attack-out is the mean over the kinds of attack.
"""

SEVERAL_HEAD: Final = """
## Several networks

What several networks are worth on one that none of them is, with netsift's learner. At most {most:,} flows of each,
drawn at random, so that all weigh the same. Data sets lack columns: of the {columns} that netsift's meter gives,
{lacking}. *Shared* are the columns that all networks have.
*Absent* are all columns of the tested network, with no value where a network that is learned from has none. *Hidden* is
the same, but every flow is shown with the columns of one of these networks, drawn at random, so that an absent column
does not tell whose flow it is.

| tested on | learned from | columns | ROC AUC | recall at 1 % | at 0.1 % |
|---|---|---|---|---|---|
"""

SEVERAL_FOOT: Final = """
- *one other* is the mean over the other networks, each learned from alone; *the best other* is the one of them that was
  best on the tested network, which nobody can know beforehand.
- *each source of captures* leaves out one by one those who published the captures ({sources} of them), and scores
  their captures by what was learned from the others and from simulated traffic, without or with the data sets.
- 0.1 % of a network's benign flows are at most {greatest} of them, so that column moves with the seed; it is not given
  where there are fewer than 1,000.
"""


Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Network:
    """Flows of one network on :data:`COLUMNS`.

    ``matrix`` is (rows, columns) with MISSING where the network has no such column, which ``has`` (columns,) says;
    ``kinds`` (rows,) are names of classes, ``sources`` (rows,) number those who published the flows.
    """

    name: str
    matrix: FeatureMatrix
    kinds: np.ndarray[tuple[int], np.dtype[np.str_]]
    has: Flags
    sources: np.ndarray[tuple[int], np.dtype[np.int64]]

    def part(self, rows: np.ndarray[tuple[int], np.dtype[np.bool_ | np.int64]]) -> Network:
        """Return some of the flows."""
        return replace(self, matrix=self.matrix[rows], kinds=self.kinds[rows], sources=self.sources[rows])


@dataclass(frozen=True, slots=True)
class Found:
    """How well attacks were told from benign flows: ROC AUC, and the recall at each of :data:`RATES`."""

    roc_auc: float
    recall: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the page."""

    what: str
    model: str
    result: ProtocolResult


def main() -> None:
    """Measure every row that the data allows, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = read(arguments.data, Path(folder))
        networks = read_networks(arguments.data, Path(folder))
    measured = list(rows(dataset))
    of_cic = np.isin(dataset.groups, [group for group, name in enumerate(dataset.networks) if name == CIC])
    attacks = float((dataset.classes[of_cic] > 0).mean())
    foot = FOOT.format(
        cic=int(of_cic.sum()), share=attacks, all_flagged=2 * attacks / (1 + attacks), seeds=", ".join(map(str, SEEDS))
    )
    page = HEAD + "".join(map(line, measured)) + foot + several_networks(networks)
    arguments.page.write_text(page, encoding="utf-8")
    print(arguments.page.read_text(encoding="utf-8"))


def read(data: Path, folder: Path) -> Dataset:
    """Return the flows of all networks on the features that they have in common."""
    inputs = [
        LabelledInput(data / "cicids2017-corrected" / "rnd_5000", network=CIC),
        *captures(data),
        *simulated(folder),
    ]
    names = choose_features(inputs).names
    return read_dataset(inputs, names, SAMPLING, lambda *_: None)


def captures(data: Path) -> Iterator[LabelledInput]:
    """Yield the labelled captures that can be read."""
    with (data / "captures.csv").open(newline="", encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            label = "benign" if entry["label"] == "benign" else entry["category"]
            source = LabelledInput(data / entry["file"], label, CAPTURES)
            try:
                if any(labelled.batch.num_rows for labelled in labelled_batches(source, ReadStatistics())):
                    yield source
            except InputError as error:
                print(error, file=sys.stderr)


def simulated(folder: Path) -> Iterator[LabelledInput]:
    """Write simulated traffic where that was not done, and yield it."""
    for seed in SEEDS:
        path = folder / f"simulated-{seed}.pcap"
        if not path.exists():
            simulate(path, SimulationSettings(seed=seed, duration_s=900.0, clients=10, snap_length=96))
        yield LabelledInput(path, network=SIMULATED)


def rows(dataset: Dataset) -> Iterator[Measured]:
    """Yield every row for every model."""
    named = {protocol.name: protocol for protocol in PROTOCOLS}
    only = of_networks(dataset, CIC)
    wednesday = int(dataset.circumstances.start_ns[only].min()) // DAY_NS + 2
    before = only & (dataset.circumstances.start_ns // DAY_NS <= wednesday)
    cuts = {
        f"{CIC}, Monday to Wednesday → Thursday and Friday": [Split("days", before, only & ~before)],
        f"{CIC} → {CAPTURES}": [Split("captures", only, of_networks(dataset, CAPTURES))],
        f"{CIC} → {SIMULATED}": [Split("simulated", only, of_networks(dataset, SIMULATED))],
        f"{CAPTURES} and {SIMULATED} → {CIC}": [Split("back", of_networks(dataset, CAPTURES, SIMULATED), only)],
    }
    for what, splits in cuts.items():
        yield from of_protocol(dataset, what, fixed(what, splits))
    subset = chosen_rows(dataset, only)
    yield from of_protocol(subset, f"{CIC}, leave-one-attack-out", named["leave-one-attack-out"])
    yield from of_protocol(subset, f"{CIC}, random split (flatters)", named["random split"])


def of_protocol(dataset: Dataset, what: str, protocol: Protocol) -> Iterator[Measured]:
    """Yield the row of every model under one protocol."""
    for model, learner in LEARNERS_SHOWN.items():
        print(f"{what}: {model}", file=sys.stderr, flush=True)
        evaluation = evaluate(dataset, [protocol], learner, Options(), lambda *_: None, resamples=0)
        yield Measured(what, model, evaluation.results[0])


def fixed(name: str, splits: list[Split]) -> Protocol:
    """Return the protocol of splits that are known."""
    return Protocol(name, name, honest=True, cut=lambda dataset, _: Cut(tuple(splits), kinds_and_campaigns(dataset)))


def kinds_and_campaigns(dataset: Dataset) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return what stays whole when a threshold is chosen: a kind of attack, benign flows of the same hosts and time."""
    return np.where(dataset.classes > 0, dataset.classes, campaigns(dataset))


def of_networks(dataset: Dataset, *names: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which rows (rows,) are of these networks."""
    return np.isin(dataset.groups, [group for group, name in enumerate(dataset.networks) if name in names])


def chosen_rows(dataset: Dataset, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Dataset:
    """Return some rows of a dataset as one."""
    from dataclasses import fields, replace

    circumstances = dataset.circumstances
    kept = {field.name: getattr(circumstances, field.name)[chosen] for field in fields(circumstances)}
    return replace(
        dataset,
        matrix=dataset.matrix[chosen],
        classes=dataset.classes[chosen],
        groups=dataset.groups[chosen],
        circumstances=replace(circumstances, **kept),
    )


def read_networks(data: Path, folder: Path) -> list[Network]:
    """Return the flows of every network on all columns that it has."""
    inputs = {
        CIC: [LabelledInput(data / "cicids2017-corrected" / "rnd_5000", network=CIC)],
        CAPTURES: list(captures(data)),
        SIMULATED: list(simulated(folder)),
        UNSW: [LabelledInput(data / "unsw-nb15", network=UNSW)],
        IOT: [LabelledInput(data / "iot23-zeek-csv", network=IOT)],
    }
    networks = []
    for name, of_network in inputs.items():
        common = choose_features(of_network).names
        names = tuple(column for column in COLUMNS if column in common)
        sampling = (
            replace(OF_A_NETWORK, max_rows_per_file=OF_A_NETWORK.max_rows_per_network)
            if name in (UNSW, IOT)
            else OF_A_NETWORK
        )
        dataset = read_dataset(of_network, names, sampling, lambda *_: None)
        networks.append(of_dataset(name, dataset, publishers(data) if name == CAPTURES else {}))
    return networks


def of_dataset(name: str, dataset: Dataset, publisher: Mapping[str, str]) -> Network:
    """Return a dataset as a network; ``publisher`` says by the name of a file who published it."""
    has = np.isin(COLUMNS, dataset.feature_names)
    matrix = np.full((len(dataset.classes), len(COLUMNS)), MISSING, dtype=np.float32)
    matrix[:, has] = dataset.matrix
    published = [publisher.get(one.name, name) for one in dataset.inputs]
    sources = np.unique(published, return_inverse=True)[1][dataset.groups]
    return Network(name, matrix, np.array(dataset.names)[dataset.classes], has, sources)


def publishers(data: Path) -> dict[str, str]:
    """Return who published each capture, by the name of its file."""
    with (data / "captures.csv").open(newline="", encoding="utf-8") as file:
        return {Path(entry["file"]).name: entry["source_repo"] for entry in csv.DictReader(file)}


def several_networks(networks: Sequence[Network], learner: Learner = LEARNERS_SHOWN["netsift"]) -> str:
    """Return the part of the page about learning from several networks."""
    lines = [text for network in networks for text in on_one(network, networks, learner)]
    lines += on_sources(networks, learner)
    lacking = [f"{one.name} has {int(one.has.sum())}" for one in networks if not one.has.all()]
    benign = [int((one.kinds == BENIGN).sum()) // 1000 for one in networks]
    own = next(one for one in networks if one.name == CAPTURES)
    most = OF_A_NETWORK.max_rows_per_network
    head = SEVERAL_HEAD.format(columns=len(COLUMNS), lacking=", ".join(lacking), most=most)
    sources = len(np.unique(own.sources))
    foot = SEVERAL_FOOT.format(sources=sources, greatest=max(benign))
    return head + "".join(lines) + foot


def on_one(tested: Network, networks: Sequence[Network], learner: Learner) -> Iterator[str]:
    """Yield the lines of one tested network."""
    others = [one for one in networks if one is not tested]
    alone = {one.name: learned([one], tested, learner) for one in others}
    best = max(alone, key=lambda name: alone[name].roc_auc)
    counts = [int((one.has & tested.has).sum()) for one in others]
    yield found_line(tested.name, "one other", f"{min(counts)} to {max(counts)}", mean_found(list(alone.values())))
    yield found_line(tested.name, f"the best other, {best}", str(counts[list(alone).index(best)]), alone[best])
    shared = int(np.logical_and.reduce([one.has for one in networks]).sum())
    yield found_line(tested.name, "all others", f"{shared} shared", learned(others, tested, learner))
    all_of_it = int(tested.has.sum())
    absent, hidden = (learned(some, tested, learner, tested.has) for some in (others, hiding(others)))
    yield found_line(tested.name, "all others", f"{all_of_it}, absent", absent)
    yield found_line(tested.name, "all others", f"{all_of_it}, hidden", hidden)


def on_sources(networks: Sequence[Network], learner: Learner) -> Iterator[str]:
    """Yield the lines of captures whose publisher none of the learned captures has."""
    own, made = (next(one for one in networks if one.name == name) for name in (CAPTURES, SIMULATED))
    sets = [one for one in networks if one is not own and one is not made]
    named = " and ".join(one.name for one in sets)
    for what, columns, more in (
        ("other sources, simulated", "", []),
        (f"as before, and {named}", ", absent", sets),
        (f"as before, and {named}", ", hidden", sets),
    ):
        score = np.zeros(len(own.kinds))
        for source in np.unique(own.sources).tolist():
            left_out = own.sources == source
            base = [own.part(~left_out), made, *more]
            score[left_out] = scored(
                hiding(base) if "hidden" in columns else base, own.part(left_out), learner, own.has
            )
        found = found_of(own.kinds != BENIGN, score)
        yield found_line(f"each source of {CAPTURES}", what, f"{int(own.has.sum())}{columns}", found)


def learned(some: Sequence[Network], tested: Network, learner: Learner, columns: Flags | None = None) -> Found:
    """Return how a model of some networks does on another, on ``columns`` or else on those that all of them have."""
    print(f"{', '.join(one.name for one in some)} → {tested.name}", file=sys.stderr, flush=True)
    shared = np.logical_and.reduce([tested.has, *(one.has for one in some)])
    score = scored(some, tested, learner, shared if columns is None else columns)
    return found_of(tested.kinds != BENIGN, score)


def scored(some: Sequence[Network], tested: Network, learner: Learner, columns: Flags) -> Values:
    """Return the score of every tested flow (rows,) by a model of some networks."""
    kinds = np.concatenate([one.kinds for one in some])
    names = [BENIGN, *sorted(set(kinds.tolist()) - {BENIGN})]
    number = {name: place for place, name in enumerate(names)}
    classes = np.array([number[kind] for kind in kinds.tolist()], dtype=np.int64)
    matrix = np.concatenate([one.matrix[:, columns] for one in some])
    fitted = learner.fit(matrix, classes, len(names))
    return scores_of(fitted, tested.matrix[:, columns], np.arange(len(tested.kinds)))[0]


def found_of(attack: Flags, score: Values) -> Found:
    """Return the figures of scores (rows,)."""
    area = curve_measures(Curve.of(attack, score), np.ones((1, len(score))), ())["roc_auc"][0]
    points = [operating_point(attack, score, rate).recall for rate in RATES]
    return Found(float(area), tuple(np.nan if recall is None else recall for recall in points))


def mean_found(several: Sequence[Found]) -> Found:
    """Return the means."""
    recall = np.mean([one.recall for one in several], axis=0)
    return Found(float(np.mean([one.roc_auc for one in several])), tuple(recall.tolist()))


def hiding(networks: Sequence[Network]) -> list[Network]:
    """Return the networks with each flow on the columns that it has and that one of the networks, at random, has."""
    random = np.random.default_rng(0)
    profiles = np.array([one.has for one in networks])
    return [
        replace(
            one,
            matrix=np.where(
                profiles[random.integers(len(profiles), size=len(one.kinds))], one.matrix, np.float32(MISSING)
            ),
        )
        for one in networks
    ]


def found_line(tested: str, what: str, columns: str, found: Found) -> str:
    """Return one line of the table about several networks."""
    cells = ["–" if np.isnan(figure) else f"{figure:.3f}" for figure in (found.roc_auc, *found.recall)]
    return f"| {tested} | {what} | {columns} | {' | '.join(cells)} |\n"


def line(row: Measured) -> str:
    """Return one line of the table."""
    recall = {point.false_positive_rate: point.recall for point in row.result.operating_points}
    cells = [row.result.f1, row.result.roc_auc, recall.get(0.01), recall.get(0.001)]
    return f"| {row.what} | {row.model} | {' | '.join('–' if cell is None else f'{cell:.3f}' for cell in cells)} |\n"


if __name__ == "__main__":
    main()
