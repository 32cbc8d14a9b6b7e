"""``netsift model calibrate``: fit a model's thresholds to the ordinary traffic of the network it is used on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.cli import options
from netsift.cli.options import STANDARD_STREAM, ModelKey, keep_apart
from netsift.cli.progress import announce_compilation, counted, report_statistics, say_if_empty, with_progress
from netsift.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from netsift.models.bundle import Bundle
    from netsift.models.calibration import ScoredTraffic
    from netsift.models.manifest import CalibratedThreshold, Calibration, CalibrationInput
    from netsift.sources.captures import CaptureSettings
    from netsift.sources.statistics import ReadStatistics

HELP: Final = """
Fit a model's thresholds to your own traffic, so that its false-positive rates hold there.

INPUT is traffic of your network as it ordinarily is, a day or more, without labels; it may hold a few incidents. The model scores it and learns nothing from it: only the thresholds change. Flows of one pair of hosts never decide alone. A rate for which there are too few flows keeps its threshold.

[bold]Example[/bold]

  netsift model calibrate model.netsift monday.pcap tuesday.pcap -o ours.netsift

  netsift detect today.pcap --model ours.netsift

The new file has no signature: sign it with netsift model sign.
"""  # noqa: E501 - paragraphs, wrapped by the terminal

_WIDTH_OF_A_PIPE: Final = 160


def calibrate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The model file.", show_default=False)],
    inputs: options.Inputs,
    settings: CaptureSettings,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The model file to write.")],
    trim: Annotated[
        float,
        typer.Option(
            metavar="RATE",
            min=0.0,
            max=0.5,
            help="Share of the flows that may be set aside as incidents, those that the model is surest of.",
        ),
    ] = 0.001,
    key: ModelKey = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Calibrate as :data:`HELP` says."""
    from netsift.evaluation.card import with_manifest
    from netsift.models.bundle import load_bundle, save_bundle
    from netsift.models.calibration import calibrated, refuse_learned
    from netsift.sources.statistics import ReadStatistics

    if any(Path(name) == STANDARD_STREAM for name in inputs):
        raise UsageError("calibrate reads files, not standard input: the model records which files they were")
    keep_apart([*inputs, model], (output,))
    bundle = load_bundle(model, key)
    files = _files(inputs)
    refuse_learned(bundle.manifest, files)
    statistics = ReadStatistics()
    traffic = _scored(inputs, settings, bundle, statistics, quiet=quiet)
    result = with_manifest(bundle, calibrated(bundle.manifest, traffic, files, trim))
    save_bundle(result, output)
    report_statistics(statistics, None, quiet=True)
    _print_result(result, was_signed=bundle.signature is not None, output=output)
    raise typer.Exit(statistics.exit_status())


def _files(inputs: Sequence[str]) -> list[CalibrationInput]:
    from netsift.capture.streams import expand_inputs
    from netsift.models.dataset import sha256_of
    from netsift.models.manifest import CalibrationInput

    names = expand_inputs(list(inputs))
    return [CalibrationInput(name=Path(name).name, sha256=sha256_of(Path(name))) for name in names]


def _scored(
    inputs: list[str], settings: CaptureSettings, bundle: Bundle, statistics: ReadStatistics, *, quiet: bool
) -> ScoredTraffic:
    from netsift.detectors.model import ModelDetector
    from netsift.kernels.jit import mark_compiled
    from netsift.models.calibration import TrafficSample
    from netsift.sources.flows import is_flow_table, read_flows

    if not all(is_flow_table(name) for name in inputs):
        announce_compilation(quiet=quiet)
    detector, sample = ModelDetector(bundle), TrafficSample()
    for batch in with_progress(read_flows(inputs, settings, statistics), statistics, quiet=quiet):
        sample.add(batch, detector.score(batch).score)
    if statistics.packets_metered:
        mark_compiled()
    say_if_empty(statistics)
    return sample.traffic()


def _print_result(bundle: Bundle, *, was_signed: bool, output: Path) -> None:
    from rich.console import Console

    calibration = bundle.manifest.calibration
    assert calibration is not None  # nosec B101 # the bundle was just written with one
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE, highlight=False, markup=False)
    typer.echo(calibration_text(calibration))
    console.print(calibration_table(calibration))
    for line in _remarks(calibration):
        typer.echo(line)
    unsigned = "; it is not signed, as the model it was made from was: netsift model sign" if was_signed else ""
    typer.echo(f"model: {output}{unsigned}")


def calibration_text(calibration: Calibration) -> str:
    """Return in one line what traffic the thresholds were fitted to."""
    between = f" between {counted(calibration.host_pairs, 'pair')} of hosts" if calibration.host_pairs else ""
    drawn = f", of which {calibration.flows_used:,} were drawn" if calibration.flows_used < calibration.flows else ""
    flows = f"{counted(calibration.flows, 'flow')}{between}"
    return f"Calibrated on {flows} in {counted(len(calibration.inputs), 'file')}{drawn}"


def calibration_table(calibration: Calibration) -> Table:
    """Return old and new thresholds by false-positive rate."""
    from rich.table import Table

    table = Table(title="Thresholds for this traffic", title_justify="left", box=None, pad_edge=False)
    table.padding = (0, 2, 0, 0)
    for name in ("false positives", "as trained", "calibrated", "flows that count", "set aside", "later half flagged"):
        table.add_column(name, justify="right")
    for entry in calibration.thresholds:
        table.add_row(
            f"{entry.false_positive_rate:.2%}",
            f"{entry.trained:.4f}",
            _new_threshold(entry),
            f"{entry.flows_counted:,}",
            f"{entry.flows_set_aside:,}",
            "unknown" if entry.later_share is None else f"{entry.later_share:.2%}",
        )
    return table


def _new_threshold(entry: CalibratedThreshold) -> str:
    if entry.calibrated is None:
        return f"as trained: {round(1 / entry.false_positive_rate):,} flows are needed"
    return f"{entry.calibrated:.4f}"


def _remarks(calibration: Calibration) -> list[str]:
    remarks = []
    if any(entry.later_share is not None for entry in calibration.thresholds):
        remarks.append(
            "Later half flagged: what a threshold of the earlier half flags in the later; far from the rate, the "
            "traffic changes more than thresholds can follow."
        )
    most = max(entry.flows_set_aside for entry in calibration.thresholds)
    if most:
        remarks.append(
            f"{counted(most, 'flow')} set aside as incidents, with scores from {calibration.sure_from:.3f} on; they "
            "are still flagged, beyond the rates. Look at them: netsift detect."
        )
    if calibration.flows_sure > most:
        remarks.append(
            f"{counted(calibration.flows_sure - most, 'more flow')} of such scores counted as ordinary: "
            "--trim sets more aside, if they are attacks."
        )
    if not calibration.host_pairs:
        remarks.append("The flows have no addresses, so a talkative pair of hosts counts with all its flows.")
    return remarks
