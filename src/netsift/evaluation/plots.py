"""Pictures of a model's evaluation, without a display; matplotlib and seaborn are the extra ``netsift[plots]``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from netsift.evaluation.metrics import FALSE_POSITIVE_RATES, HEADLINE_RATE, recall_at, recall_name, thresholds_from
from netsift.evaluation.report import (
    LOWEST_RATE,
    MOST_LINES,
    MOST_ROWS,
    confusion_is_whole,
    drawn_curves,
    precision_of,
)
from netsift.files import whole_file
from netsift.models.manifest import CurvePoints, Importance, Manifest, ProtocolResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_FEATURES: Final = 25
_COLOURS: Final = (
    "#0b6e99", "#c8553d", "#588157", "#6d597a", "#b08900", "#2a9d8f", "#9d4edd", "#7f5539", "#5c677d",
)  # fmt: skip
"""One per protocol."""
_DOTS_PER_INCH: Final = 120
_LONGEST_NAME: Final = 40


def plots_available() -> bool:
    """Return whether matplotlib and seaborn are installed."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("matplotlib", "seaborn"))


def draw_plots(folder: Path, manifest: Manifest) -> list[Path]:
    """Draw what the manifest holds as PNG files and return their paths.

    A picture whose figures an older netsift did not keep is left out.
    """
    curves = drawn_curves(manifest)
    classes = thresholds_from(manifest.evaluation)
    calibrated = [result for result in manifest.evaluation if result.reliability][:MOST_LINES]
    pictures: list[tuple[str, bool, Callable[[Axes], None]]] = [
        ("protocols.png", True, lambda axes: _protocols(axes, manifest.evaluation[:MOST_ROWS])),
        ("feature_importance.png", bool(manifest.importance), lambda axes: _importance(axes, manifest.importance)),
        ("roc_curve.png", bool(curves), lambda axes: _roc(axes, curves)),
        ("precision_recall.png", bool(curves), lambda axes: _precision_recall(axes, curves)),
        (
            "confusion_matrix.png",
            confusion_is_whole(manifest, classes),
            lambda axes: _confusion(axes, manifest.classes[:MOST_ROWS], classes),
        ),
        ("calibration.png", bool(calibrated), lambda axes: _calibration(axes, calibrated)),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    return [_save(folder / name, draw) for name, held, draw in pictures if held]


def _save(path: Path, draw: Callable[[Axes], None]) -> Path:
    import seaborn
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with (
        seaborn.axes_style("whitegrid"),
        seaborn.plotting_context("notebook", font_scale=0.9),
        whole_file(path) as part,
    ):
        figure = Figure(figsize=(8.5, 6.5), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        # No date and no version in the file: the same model draws the same bytes.
        figure.savefig(part, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return path


def _legend_below(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)


def _plain(text: str) -> str:
    """Return a name from a model file as it is: a dollar sign would begin a formula."""
    shown = text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
    return shown.replace("$", r"\$")


def _protocols(axes: Axes, results: Sequence[ProtocolResult]) -> None:
    for offset, name, colour, label, values in (
        (-0.15, "roc_auc", _COLOURS[0], "ROC AUC", [result.roc_auc for result in results]),
        (
            0.15,
            recall_name(HEADLINE_RATE),
            _COLOURS[1],
            "recall at 1 % false positives",
            [recall_at(result, HEADLINE_RATE) for result in results],
        ),
    ):
        for row, (result, value) in enumerate(zip(results, values, strict=True)):
            interval = result.intervals.get(name)
            if interval is not None:
                axes.plot([interval.low, interval.high], [row + offset] * 2, color=colour, linewidth=2, alpha=0.6)
            if value is not None:
                axes.plot([value], [row + offset], "o", color=colour, label=label if row == 0 else None)
    names = [_plain(one.protocol) + (" (flatters)" if one.honest is False else "") for one in results]
    axes.set_yticks(range(len(results)), names)
    axes.invert_yaxis()
    axes.set(xlim=(-0.02, 1.02), xlabel="Share", title="Ways of testing, the worst honest one first")
    _legend_below(axes)


def _roc(axes: Axes, curves: Sequence[tuple[ProtocolResult, CurvePoints]]) -> None:
    for (result, points), colour in zip(curves, cycle(_COLOURS), strict=False):
        rates = [max(rate, LOWEST_RATE) for rate in points.false_positive_rate]
        axes.plot(
            [LOWEST_RATE, *rates],
            [0, *points.recall],
            color=colour,
            label=f"{_plain(result.protocol)} (area {result.roc_auc:.3f})",
            drawstyle="steps-post",
        )
    for rate in FALSE_POSITIVE_RATES:
        axes.axvline(rate, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(
        xscale="log",
        xlim=(LOWEST_RATE, 1),
        ylim=(0, 1.02),
        xlabel="False-positive rate (logarithmic)",
        ylabel="Share of attack flows found",
        title="ROC curve, every flow scored by a model that did not learn from it",
    )
    axes.legend(loc="lower right")


def _precision_recall(axes: Axes, curves: Sequence[tuple[ProtocolResult, CurvePoints]]) -> None:
    for (result, points), colour in zip(curves, cycle(_COLOURS), strict=False):
        axes.plot(points.recall, precision_of(result, points), color=colour, label=_plain(result.protocol))
        share = (result.attack_rows or 0) / max(result.rows, 1)
        axes.axhline(share, color=colour, linewidth=0.8, linestyle=":")
    axes.set(
        xlim=(0, 1.02),
        ylim=(0, 1.02),
        xlabel="Recall: share of attack flows found",
        ylabel="Precision: share of flagged flows that are attacks",
        title="Precision and recall (dotted: flagging everything)",
    )
    axes.legend(loc="lower left")


def _confusion(axes: Axes, names: Sequence[str], result: ProtocolResult) -> None:
    import seaborn

    counts = np.array(result.confusion, dtype=np.float64)[: len(names), : len(names)]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    seaborn.heatmap(
        share,
        ax=axes,
        vmin=0,
        vmax=1,
        cmap="Blues",
        cbar=False,
        annot=np.where(counts > 0, np.char.mod("%d", counts), ""),
        fmt="",
        annot_kws={"fontsize": max(5, 11 - len(names) // 2)},
        linewidths=0.5,
        xticklabels=[_plain(name) for name in names],
        yticklabels=[_plain(name) for name in names],
    )
    axes.tick_params(axis="x", labelrotation=45)
    axes.tick_params(axis="y", labelrotation=0)
    axes.set(
        xlabel="Likeliest class",
        ylabel="Labelled",
        title=f"Confusion matrix, {_plain(result.protocol)} (shade: share of row)",
    )


def _calibration(axes: Axes, results: Sequence[ProtocolResult]) -> None:
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="calibrated")
    for result, colour in zip(results, cycle(_COLOURS), strict=False):
        name = _plain(result.protocol)
        error = "" if result.calibration_error is None else f" (error {result.calibration_error:.3f})"
        axes.plot(
            [one.score for one in result.reliability],
            [one.attacks for one in result.reliability],
            marker="o",
            color=colour,
            label=name + error,
        )
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="Mean score",
        ylabel="Share of attacks",
        title="Calibration: below the dotted line scores promise too much",
    )
    _legend_below(axes)


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
    axes.set_yticks(position, [_plain(entry.feature) for entry in shown], fontsize=8)
    axes.set(xlabel="Relative to the greatest", title="Features that matter most")
    axes.legend(loc="lower right")
