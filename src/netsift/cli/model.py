"""``netsift model``: what a model file is, whether it can be trusted, and how it leaves netsift."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from netsift.cli.calibrate import HELP as CALIBRATE_HELP
from netsift.cli.calibrate import calibrate, calibration_table, calibration_text
from netsift.cli.options import ModelKey, reads_captures
from netsift.errors import UsageError
from netsift.files import whole_file

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from netsift.models.bundle import Bundle
    from netsift.models.manifest import Calibration, Manifest, Period

_WIDTH_OF_A_PIPE: Final = 160
_NS_PER_S: Final = 1_000_000_000
_MOST_INPUTS: Final = 20

ModelFile = Annotated[Path, typer.Argument(metavar="FILE", help="The model file.", show_default=False)]


def register(application: typer.Typer) -> None:
    """Add the commands to the program."""
    commands = typer.Typer(
        name="model", help="Look into model files, check, calibrate, sign and export them.", no_args_is_help=True
    )
    commands.command(name="calibrate", help=CALIBRATE_HELP)(reads_captures(calibrate))
    for command in (inspect, verify, keygen, sign, export):
        commands.command(name=command.__name__)(command)
    application.add_typer(commands)


def inspect(
    file: ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    key: ModelKey = None,
) -> None:
    """Say what a model is: columns, classes, how good it is, thresholds, what it learned from, who signed it."""
    from netsift.models.bundle import load_bundle

    bundle = load_bundle(file, key)
    if as_json:
        typer.echo(json.dumps(described(bundle), ensure_ascii=False, indent=2))
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE, highlight=False, markup=False)
    _print_model(console, bundle)


def verify(file: ModelFile, key: ModelKey = None) -> None:
    """Make every check that is made before a model is used, and score one row with it.

    Without a key a signature is checked for being intact only: whoever made it may be anybody.
    """
    import numpy as np

    from netsift.detectors.model import ModelDetector
    from netsift.models.bundle import load_bundle
    from netsift.models.features import MISSING
    from netsift.models.signing import trusted_key

    bundle = load_bundle(file, key)
    row = np.full((1, len(bundle.manifest.features)), MISSING, dtype=np.float32)
    ModelDetector(bundle).score_matrix(row)
    typer.echo(f"{file}: whole, and every check passed")
    typer.echo(_signature_text(bundle, trusted=trusted_key(key) is not None))


def keygen(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File of the private key; the public one goes beside it as .pub.pem.")
    ] = Path("model-key.pem"),
) -> None:
    """Make an Ed25519 key pair for signing models; existing files are never overwritten."""
    from netsift.models.signing import write_new_key

    public = output.with_suffix(".pub.pem")
    fingerprint = write_new_key(output, public)
    typer.echo(f"private key: {output} (keep it to yourself)")
    typer.echo(f"public key:  {public} (fingerprint {fingerprint}; give it to --key or NETSIFT_MODEL_KEY)")


def sign(
    file: ModelFile,
    key: Annotated[Path, typer.Option(help="File of the private key.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the signed model here and leave FILE as it is.")
    ] = None,
) -> None:
    """Sign a model with a private key, in place of any signature it has."""
    from netsift.models.bundle import read_model_file, signed_bytes
    from netsift.models.signing import read_private_key

    content = signed_bytes(read_model_file(file), read_private_key(key))
    with whole_file(output or file) as temporary:
        temporary.write_bytes(content)
    typer.echo(f"signed: {output or file}")


def export(
    file: ModelFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.", show_default=False)],
    cicflowmeter: Annotated[
        bool, typer.Option("--cicflowmeter", help="Input columns under CICFlowMeter's names and in its order.")
    ] = False,
    key: ModelKey = None,
) -> None:
    """Write the model as plain ONNX, for other programs; its input columns are printed and stand in its metadata."""
    from netsift.models.bundle import load_bundle
    from netsift.models.export import cicflowmeter_onnx, plain_onnx

    if output.suffix.lower() != ".onnx":
        raise UsageError(f"{output}: the suffix must be .onnx")
    bundle = load_bundle(file, key)
    exported = cicflowmeter_onnx(bundle) if cicflowmeter else plain_onnx(bundle)
    with whole_file(output) as temporary:
        temporary.write_bytes(exported.graph)
    typer.echo(f"{output}: input features, float32 of shape (rows, {len(exported.columns)}), missing values -1:")
    typer.echo(", ".join(exported.columns))


def described(bundle: Bundle) -> dict[str, Any]:
    """Return what a bundle says about itself in a form that JSON can hold."""
    manifest = bundle.manifest
    content = manifest.model_dump(mode="json")
    content["reference_rows"] = {"benign": bundle.reference.rows} | {
        name: entry.rows for name, entry in bundle.reference.classes.items()
    }
    content["format_version"] = bundle.stored_version
    content["signature"] = (
        None
        if bundle.signature is None
        else {**bundle.signature.model_dump(), "fingerprint": bundle.signature.fingerprint}
    )
    return content


def _print_model(console: Console, bundle: Bundle) -> None:
    manifest = bundle.manifest
    learner = manifest.learner
    console.print(
        f"{learner.sentence}; "
        f"{len(manifest.features)} columns in, {len(manifest.classes)} classes out; made by netsift "
        f"{manifest.netsift_version}, format version {bundle.stored_version}"
    )
    console.print(_signature_text(bundle, trusted=False))
    console.print()
    console.print(_protocol_table(manifest))
    console.print(_class_table(manifest))
    if manifest.calibration is None:
        console.print(_threshold_table(manifest))
    else:
        _print_calibration(console, manifest.calibration)
    console.print(_training_table(manifest))
    console.print(f"Columns: {', '.join(_column_text(one.name, one.unit) for one in manifest.features)}")


def _signature_text(bundle: Bundle, *, trusted: bool) -> str:
    if bundle.signature is None:
        return "not signed: nobody vouches for it"
    by = f"signed with the key {bundle.signature.fingerprint}"
    return f"{by}, the configured one" if trusted else f"{by}; compare it with the one you expect, or give --key"


def _column_text(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _table(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(header):
        table.add_column(name, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(_printable, row))
    return table


def _printable(text: str) -> str:
    """Return the text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _protocol_table(manifest: Manifest) -> Table:
    rates = [point.false_positive_rate for point in manifest.headline_result.operating_points]
    header = ("protocol, worst first", "flows", "F1", "ROC AUC", *(f"recall at {rate:.2%} FP" for rate in rates))
    rows = [
        (
            result.protocol,
            f"{result.rows:,}",
            f"{result.f1:.4f}",
            f"{result.roc_auc:.4f}",
            *(_figure(point.recall) for point in result.operating_points),
        )
        for result in manifest.evaluation
    ]
    return _table("How good it is", header, rows)


def _figure(share: float | None) -> str:
    return "too few flows" if share is None else f"{share:.4f}"


def _class_table(manifest: Manifest) -> Table:
    rows = (
        (name, f"{manifest.training_rows.get(name, 0):,}", ", ".join(manifest.techniques.get(name, ())) or "none")
        for name in manifest.classes
    )
    return _table("Classes", ("class", "training flows", "ATT&CK techniques"), rows)


def _threshold_table(manifest: Manifest) -> Table:
    rows = ((f"{entry.false_positive_rate:.2%}", f"{entry.threshold:.4f}") for entry in manifest.thresholds)
    return _table("Thresholds", ("false positives", "flag from score"), rows)


def _print_calibration(console: Console, calibration: Calibration) -> None:
    console.print(f"{calibration_text(calibration)}; period (UTC): {_period_text(calibration.period)}")
    console.print(calibration_table(calibration))
    rows = [(one.name, one.sha256[:16]) for one in calibration.inputs[:_MOST_INPUTS]]
    hidden = len(calibration.inputs) - len(rows)
    if hidden:
        rows.append((f"and {hidden} more (--json has all)", ""))
    console.print(_table("Calibrated on", ("input", "SHA-256"), rows))


def _training_table(manifest: Manifest) -> Table:
    rows = [
        (source.name, f"{source.rows:,}", _period_text(source.period), source.sha256[:16])
        for source in manifest.training[:_MOST_INPUTS]
    ]
    hidden = len(manifest.training) - len(rows)
    if hidden:
        rows.append((f"and {hidden} more (--json has all)", "", "", ""))
    return _table("Learned from", ("input", "flows", "period (UTC)", "SHA-256"), rows)


def _period_text(period: Period | None) -> str:
    if period is None:
        return "unknown"
    start, end = (_moment(time_ns) for time_ns in (period.start_ns, period.end_ns))
    return f"{start} to {end}"


def _moment(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // _NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M")
