"""The model card: what a model is, what it learned from and how it does, for a reader.

After Mitchell et al., "Model cards for model reporting", 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from netsift.evaluation.metrics import thresholds_from
from netsift.models.bundle import Bundle, member_hashes
from netsift.models.manifest import Importance, Manifest, ProtocolResult

_MOST_INPUTS: Final = 40
_MOST_FEATURES: Final = 15
_MOST_GROUPS: Final = 10


def model_card(manifest: Manifest) -> str:
    """Return the card as Markdown; everything in it comes from the manifest."""
    return "\n".join(_lines(manifest)) + "\n"


def with_manifest(bundle: Bundle, manifest: Manifest) -> Bundle:
    """Return the bundle with another manifest of the same model, a card to match and no signature."""
    card = model_card(manifest)
    hashes = member_hashes(bundle.graph, bundle.reference, card)
    return replace(bundle, manifest=manifest.model_copy(update={"members": hashes}), card=card, signature=None)


def _lines(manifest: Manifest) -> Iterator[str]:
    learner = manifest.learner
    yield "# Model card"
    yield ""
    yield (
        f"Learner: {learner.sentence}, over {len(manifest.features)} columns of one bidirectional flow. The model "
        "gives every flow a score from 0 to 1 and the likeliest kind of attack. It sees no addresses, no exact ports "
        "and no times."
    )
    yield ""
    yield "## How it does"
    yield ""
    rows = manifest.headline_result.rows
    yield f"Quote the first row; it is the worst honest one. Measured on {rows:,} flows, each scored by a model that"
    yield "did not learn from it."
    yield ""
    yield from _protocol_table(manifest.evaluation)
    yield ""
    yield from (f"- *{result.protocol}* {result.meaning}." for result in manifest.evaluation)
    yield ""
    by_class = thresholds_from(manifest.evaluation)
    yield f"## Kinds of attack ({by_class.protocol})"
    yield ""
    yield "| class | training flows | tested flows | flagged as attack | named right | precision |"
    yield "|---|---|---|---|---|---|"
    for entry in by_class.classes:
        learned = manifest.training_rows.get(entry.name, 0)
        flagged = "–" if entry.flagged is None else f"{entry.flagged:.3f}"
        shares = f"{flagged} | {entry.recall:.3f} | {entry.precision:.3f}"
        yield f"| {entry.name} | {learned:,} | {entry.rows:,} | {shares} |"
    yield ""
    yield from _origin(manifest)


def _protocol_table(results: list[ProtocolResult]) -> Iterator[str]:
    rates = [point.false_positive_rate for point in results[0].operating_points]
    header = [
        "protocol",
        "accuracy",
        "F1",
        "ROC AUC",
        "average precision",
        *(f"recall at {percent(rate)} false positives" for rate in rates),
    ]
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for result in results:
        figures: list[float | None] = [result.accuracy, result.f1, result.roc_auc, result.average_precision]
        figures += [point.recall for point in result.operating_points]
        yield f"| {result.protocol} | {' | '.join('–' if figure is None else f'{figure:.4f}' for figure in figures)} |"


def percent(share: float) -> str:
    """Return a share in percent with as many digits as it needs, at least one: 5.0%, 0.01%."""
    return f"{100 * share:.1f}%" if share >= 0.001 else f"{100 * share:g}%"


def importance_groups(manifest: Manifest) -> dict[str, list[Importance]]:
    """Return the groups of features that stand in for each other by leader, the group that matters most first."""
    groups: dict[str, list[Importance]] = {}
    for entry in manifest.importance:
        if entry.group is not None:
            groups.setdefault(entry.group, []).append(entry)
    return dict(sorted(groups.items(), key=lambda item: -(item[1][0].group_permutation or 0.0)))


def _groups(manifest: Manifest) -> Iterator[str]:
    groups = importance_groups(manifest)
    if groups:
        yield ""
        yield "Columns that rise and fall together stand in for each other; shuffled together they lose:"
        yield ""
    for entries in list(groups.values())[:_MOST_GROUPS]:
        yield f"- {entries[0].group_permutation or 0:.4f}: {', '.join(entry.feature for entry in entries)}"


def _calibration(manifest: Manifest) -> Iterator[str]:
    calibration = manifest.calibration
    if calibration is None:
        return
    kept = [percent(one.false_positive_rate) for one in calibration.thresholds if one.calibrated is None]
    yield (
        f"These thresholds are fitted to {calibration.flows:,} unlabelled flows of one network in "
        f"{len(calibration.inputs):,} files"
        + (f", all but those for {', '.join(kept)}, for which the flows were too few" if kept else "")
        + ". The figures above are those of the thresholds of training."
    )
    yield ""


def _origin(manifest: Manifest) -> Iterator[str]:
    yield "## Columns that matter most"
    yield ""
    yield "| column | ROC AUC lost when shuffled | share in the model | lost with its group |"
    yield "|---|---|---|---|"
    for entry in manifest.importance[:_MOST_FEATURES]:
        together = "" if entry.group_permutation is None else f"{entry.group_permutation:.4f}"
        yield f"| {entry.feature} | {entry.permutation:.4f} | {entry.impurity:.4f} | {together} |"
    yield from _groups(manifest)
    yield ""
    yield "## Thresholds"
    yield ""
    yield "| share of benign flows flagged | flag from score |"
    yield "|---|---|"
    for threshold in manifest.thresholds:
        yield f"| {percent(threshold.false_positive_rate)} | {threshold.threshold:.4f} |"
    yield ""
    yield from _calibration(manifest)
    yield "## Learned from"
    yield ""
    yield "| input | labelled flows | SHA-256 |"
    yield "|---|---|---|"
    for source in manifest.training[:_MOST_INPUTS]:
        yield f"| {source.name} | {source.rows:,} | `{source.sha256[:16]}…` |"
    if len(manifest.training) > _MOST_INPUTS:
        yield f"| and {len(manifest.training) - _MOST_INPUTS} more | | |"
    yield ""
    yield (
        f"Made by netsift {manifest.netsift_version} with "
        + ", ".join(f"{name} {number}" for name, number in sorted(manifest.libraries.items()))
        + "."
    )
