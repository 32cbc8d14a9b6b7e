"""Train the model that ships in the package, and write its card.

    python tools/train_default_model.py --captures CAPTURES.csv

It learns from simulated traffic of several seeds and, where a list of labelled captures is given, from half of those,
chosen by a hash of their names. The other half is only looked at to write down how the model does on traffic it never
saw. The list is a CSV file with the columns ``file`` (relative to the list), ``label`` (benign or attack) and
``category``. The label of a capture holds for its every flow, though attack captures hold ordinary packets as well: the
figures are lower bounds of what the model can do, and what it is asked to do.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from netsift.alerts.pipeline import ModelSearch
from netsift.detectors.model import ModelDetector
from netsift.errors import InputError
from netsift.evaluation.leakage import audit, with_audit
from netsift.evaluation.protocols import chosen
from netsift.evaluation.training import train
from netsift.models.artefacts import artefact
from netsift.models.bundle import Bundle, save_bundle
from netsift.models.dataset import Sampling, read_dataset
from netsift.models.features import FLOW_FEATURES
from netsift.models.labelled import BENIGN, LabelledInput, labelled_batches
from netsift.models.learners.guarded_forest import GuardedForest, GuardedForestSettings
from netsift.models.taxonomy import classify
from netsift.simulate import SimulationSettings, simulate
from netsift.sources.statistics import ReadStatistics

ROOT: Final = Path(__file__).resolve().parent.parent
MODEL: Final = ROOT / "src" / "netsift" / "models" / "default.netsift"
CARD: Final = ROOT / "docs" / "model-card.md"

SEEDS: Final = (101, 102, 103, 104, 105, 106)
CLIENTS: Final = (6, 10, 16, 24, 8, 12)
DURATION_S: Final = 900.0
SNAP_LENGTH: Final = 96
LEARNER: Final = GuardedForest(GuardedForestSettings(trees=50, guards=30))
PROTOCOLS: Final = chosen(["by input", "leave-one-attack-out", "random split"])
SAMPLING: Final = Sampling(max_rows_per_file=4_000)
FOLDS: Final = 5
USUAL_RATE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Capture:
    """One labelled capture of the list."""

    path: Path
    name: str
    attack: bool
    source: LabelledInput


def main() -> None:
    """Train, test on what was held back, and write model and card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--captures", type=Path, help="CSV list of labelled captures")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--card", type=Path, default=CARD)
    arguments = parser.parse_args()
    learned, held_back = halves(list(captures(arguments.captures))) if arguments.captures else ([], [])
    names = [feature.name for feature in FLOW_FEATURES if not artefact(feature.name)]
    with tempfile.TemporaryDirectory() as folder:
        inputs = [*simulated(Path(folder)), *(capture.source for capture in learned)]
        dataset = read_dataset(inputs, names, SAMPLING, report)
    trained = train(dataset, LEARNER, FOLDS, report, PROTOCOLS)
    save_bundle(with_audit(trained.bundle, audit(dataset, LEARNER.settings.seed)), arguments.model)
    card = trained.bundle.card + "".join(f"{line}\n" for line in unseen_lines(trained.bundle, held_back))
    arguments.card.write_text(card, encoding="utf-8")
    print(card)


def report(stage: str, done: int, total: int) -> None:
    """Say what is being done."""
    print(f"{stage} ({done + 1} of {total})", flush=True)


def simulated(folder: Path) -> Iterator[LabelledInput]:
    """Write labelled traffic of every seed, and yield the captures."""
    for seed, clients in zip(SEEDS, CLIENTS, strict=True):
        path = folder / f"simulated-{seed}.pcap"
        settings = SimulationSettings(seed=seed, duration_s=DURATION_S, clients=clients, snap_length=SNAP_LENGTH)
        simulate(path, settings)
        yield LabelledInput(path)


def captures(table: Path) -> Iterator[Capture]:
    """Yield the captures of the list that can be read."""
    with table.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            path, attack = table.parent / line["file"], line["label"] == "attack"
            label = line["category"] if attack else BENIGN
            capture = Capture(path, line["file"], attack, LabelledInput(path, label))
            if path.exists() and readable(capture.source):
                yield capture


def readable(source: LabelledInput) -> bool:
    """Return whether there is a flow in the capture."""
    try:
        return any(labelled.batch.num_rows for labelled in labelled_batches(source, ReadStatistics()))
    except InputError:
        return False


def halves(everything: list[Capture]) -> tuple[list[Capture], list[Capture]]:
    """Return (learned, held back): of every class, every second capture in the order of the hashes of their names."""

    def class_of(capture: Capture) -> str:
        return classify(str(capture.source.label)).name

    order = sorted(everything, key=lambda capture: hashlib.sha256(capture.name.encode()).digest())
    learned: list[Capture] = []
    held_back: list[Capture] = []
    for name in sorted(set(map(class_of, order))):
        of_class = [capture for capture in order if class_of(capture) == name]
        learned += of_class[::2]
        held_back += of_class[1::2]
    return learned, held_back


def unseen_lines(bundle: Bundle, held_back: Sequence[Capture]) -> Iterator[str]:
    """Yield the part of the card about captures that the model never saw."""
    from sklearn.metrics import roc_auc_score

    yield ""
    yield "## On captures it never saw"
    yield ""
    if not held_back:
        yield "Nothing was measured: no list of labelled captures was given when this model was trained."
        return
    detector = ModelDetector(bundle)
    scores = [capture_scores(detector, capture) for capture in held_back]
    attack = np.concatenate(
        [np.full(len(score), capture.attack) for score, capture in zip(scores, held_back, strict=True)]
    )
    score = np.concatenate(scores)
    kind = np.array([capture.attack for capture in held_back])
    yield (
        f"{len(held_back)} public captures ({int(kind.sum())} of attacks), {len(score):,} flows, none of which was "
        "learned from. A capture's label holds for its every flow, though attack captures hold ordinary packets too."
    )
    yield ""
    yield f"ROC AUC over flows: {roc_auc_score(attack, score):.3f}."
    yield ""
    yield "| threshold for | benign flows | attack flows | benign captures with a flagged flow | attack captures |"
    yield "|---|---|---|---|---|"
    for entry in bundle.manifest.thresholds:
        flagged = score >= np.float32(entry.threshold)
        found = np.array([bool((one >= np.float32(entry.threshold)).any()) for one in scores])
        yield (
            f"| {100 * entry.false_positive_rate:.4g}% | {flagged[~attack].mean():.2%} | {flagged[attack].mean():.1%} "
            f"| {found[~kind].sum()} of {(~kind).sum()} | {found[kind].sum()} of {kind.sum()} |"
        )
    found = np.array([has_finding(bundle, capture) for capture in held_back])
    yield ""
    yield (
        f"At the threshold for {USUAL_RATE:.0%} and grouped, the model has a finding in {found[kind].sum()} of "
        f"{kind.sum()} attack captures and in {found[~kind].sum()} of {(~kind).sum()} benign ones. What "
        "`netsift detect` makes of it beside the behaviour detectors stands in [quality.md](quality.md)."
    )


def has_finding(bundle: Bundle, capture: Capture) -> bool:
    """Return whether the model alone has a finding in a capture."""
    search = ModelSearch.of(bundle, USUAL_RATE)
    for labelled in labelled_batches(capture.source, ReadStatistics()):
        search.add(labelled.batch)
    return bool(search.settle().findings)


def capture_scores(detector: ModelDetector, capture: Capture) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return the score of every flow of a capture."""
    parts = [detector.score(labelled.batch).score for labelled in labelled_batches(capture.source, ReadStatistics())]
    return np.concatenate([np.zeros(0, dtype=np.float32), *parts])


if __name__ == "__main__":
    main()
