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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from netsift.errors import InputError
from netsift.evaluation.protocols import PROTOCOLS, Cut, Options, Protocol, Split
from netsift.evaluation.protocols.folds import campaigns
from netsift.evaluation.running import evaluate
from netsift.models.choice import choose_features
from netsift.models.dataset import Dataset, Sampling, read_dataset
from netsift.models.labelled import LabelledInput, labelled_batches
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
SAMPLING: Final = Sampling(max_rows=60_000, max_rows_per_file=5_000)
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
    measured = list(rows(dataset))
    of_cic = np.isin(dataset.groups, [group for group, name in enumerate(dataset.networks) if name == CIC])
    attacks = float((dataset.classes[of_cic] > 0).mean())
    foot = FOOT.format(
        cic=int(of_cic.sum()), share=attacks, all_flagged=2 * attacks / (1 + attacks), seeds=", ".join(map(str, SEEDS))
    )
    arguments.page.write_text(HEAD + "".join(map(line, measured)) + foot, encoding="utf-8")
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
    """Write simulated traffic and yield it."""
    for seed in SEEDS:
        path = folder / f"simulated-{seed}.pcap"
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


def line(row: Measured) -> str:
    """Return one line of the table."""
    recall = {point.false_positive_rate: point.recall for point in row.result.operating_points}
    cells = [row.result.f1, row.result.roc_auc, recall.get(0.01), recall.get(0.001)]
    return f"| {row.what} | {row.model} | {' | '.join('–' if cell is None else f'{cell:.3f}' for cell in cells)} |\n"


if __name__ == "__main__":
    main()
