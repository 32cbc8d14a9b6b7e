"""Pictures of an evaluation, drawn without a display. Matplotlib is the optional part ``netsift[plots]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.metrics import FALSE_POSITIVE_RATES
from netsift.evaluation.splits import Labels
from netsift.models.manifest import Importance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_FEATURES: Final = 25
_COLOURS: Final = (
    "#0b6e99", "#c8553d", "#588157", "#6d597a", "#b08900", "#2a9d8f", "#9d4edd", "#7f5539", "#5c677d",
)  # fmt: skip
"""One per protocol."""
_DOTS_PER_INCH: Final = 120


@dataclass(frozen=True, slots=True)
class Curve:
    """Out-of-fold scores of one protocol: what its curves are drawn from."""

    protocol: str
    attack: npt.NDArray[np.bool_]
    score: npt.NDArray[np.float64]


def plots_available() -> bool:
    """Return whether matplotlib is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def draw_plots(
    folder: Path,
    curves: Sequence[Curve],
    names: Sequence[str],
    truth_and_predicted: tuple[Labels, Labels],
    importance: Sequence[Importance],
) -> list[Path]:
    """Draw ROC, precision-recall, confusion matrix and feature importance as PNG files; return their paths.

    ``truth_and_predicted`` are the class indices, (rows,) each, of the protocol that thresholds come from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _save(folder / "roc_curve.png", lambda axes: _roc(axes, curves)),
        _save(folder / "precision_recall.png", lambda axes: _precision_recall(axes, curves)),
        _save(folder / "confusion_matrix.png", lambda axes: _confusion(axes, names, *truth_and_predicted)),
        _save(folder / "feature_importance.png", lambda axes: _importance(axes, importance)),
    ]


def _save(path: Path, draw: Any) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    temporary = path.with_name(f".{path.name}.tmp")
    # No date and no version in the file: the same evaluation draws the same bytes.
    figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    temporary.replace(path)
    return path


def _roc(axes: Axes, curves: Sequence[Curve]) -> None:
    from sklearn.metrics import roc_curve

    for curve, colour in zip(curves, cycle(_COLOURS), strict=False):
        false_positives, true_positives, _ = roc_curve(curve.attack, curve.score)
        axes.plot(
            np.maximum(false_positives, 1e-5),
            true_positives,
            color=colour,
            label=curve.protocol,
            drawstyle="steps-post",
        )
    for rate in FALSE_POSITIVE_RATES:
        axes.axvline(rate, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(
        xscale="log",
        xlim=(1e-5, 1),
        ylim=(0, 1.02),
        xlabel="False-positive rate (logarithmic)",
        ylabel="Share of attack flows found",
        title="ROC curve, every flow scored by a forest that did not learn from it",
    )
    axes.legend(loc="lower right")


def _precision_recall(axes: Axes, curves: Sequence[Curve]) -> None:
    from sklearn.metrics import precision_recall_curve

    for curve, colour in zip(curves, cycle(_COLOURS), strict=False):
        precision, recall, _ = precision_recall_curve(curve.attack, curve.score)
        axes.plot(recall, precision, color=colour, label=curve.protocol, drawstyle="steps-post")
        axes.axhline(float(curve.attack.mean()), color=colour, linewidth=0.8, linestyle=":")
    axes.set(
        xlim=(0, 1.02),
        ylim=(0, 1.02),
        xlabel="Recall: share of attack flows found",
        ylabel="Precision: share of flagged flows that are attacks",
        title="Precision and recall (dotted: flagging everything)",
    )
    axes.legend(loc="lower left")


def _confusion(axes: Axes, names: Sequence[str], truth: Labels, predicted: Labels) -> None:
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = max(5, 11 - len(names) // 2)
    for row, column in np.argwhere(counts > 0).tolist():
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=size)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(
        xlabel="Predicted",
        ylabel="Labelled",
        title="Confusion matrix, each flow scored by a forest that did not learn from it (shade: share of row)",
    )


def _importance(axes: Axes, importance: Sequence[Importance]) -> None:
    shown = list(importance[:_MOST_FEATURES])[::-1]
    position = np.arange(len(shown))
    for offset, kind, colour, label in (
        (0.2, "permutation", _COLOURS[0], "ROC AUC lost when shuffled"),
        (-0.2, "impurity", _COLOURS[1], "share of impurity removed"),
    ):
        values = np.array([getattr(entry, kind) for entry in shown])
        greatest = values.max(initial=0) or 1.0
        axes.barh(
            position + offset, values / greatest, height=0.38, color=colour, label=f"{label} (greatest {greatest:.3g})"
        )
    axes.set_yticks(position, [entry.feature for entry in shown], fontsize=8)
    axes.set(xlabel="Relative to the greatest", title="Features that matter most")
    axes.legend(loc="lower right")
