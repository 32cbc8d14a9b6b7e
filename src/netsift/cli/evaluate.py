"""``netsift evaluate``: labelled traffic in, an account of how good a model is that does not flatter out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsift.cli.labelled import Attack, Benign, common_columns, labelled_inputs, say_what_was_read
from netsift.cli.options import Depth, LearnerName, Trees, Tune, keep_apart
from netsift.cli.progress import announce_compilation, stages
from netsift.errors import UsageError
from netsift.files import whole_file

if TYPE_CHECKING:
    from netsift.cli.evaluation_tables import Use
    from netsift.evaluation.leakage import Finding
    from netsift.evaluation.protocols import Options, Protocol
    from netsift.evaluation.running import Evaluation, Progress
    from netsift.evaluation.serving import Promise
    from netsift.evaluation.transfer import Transfer
    from netsift.models.bundle import Bundle
    from netsift.models.dataset import Dataset, Sampling
    from netsift.models.labelled import LabelledInput
    from netsift.models.learners.base import Learner

_IN_USE = "In use"
_SPLITTING = "Cutting and learning"


Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DATA]...",
        help="Labelled flow files, captures with a label file, or folders; NAME=PATH names the network.",
    ),
]
Model = Annotated[
    Path | None, typer.Option(help="Score with this model and learn nothing; without it, train afresh each time.")
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write everything measured as JSON.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop with status 2 where the audit finds a warning or an error.")
]
TransferFlag = Annotated[
    bool, typer.Option("--transfer", help="Rank the columns by what they help inside a network and hurt across.")
]
ColumnsOut = Annotated[
    Path | None, typer.Option(metavar="FILE", help="With --transfer: write the columns that travel, one a line.")
]
Columns = Annotated[Path | None, typer.Option(metavar="FILE", help="Look only at the columns that this file names.")]
BaseRate = Annotated[
    float, typer.Option(min=0, max=1, rich_help_panel=_IN_USE, help="Share of flows that are attacks.")
]
FlowsPerDay = Annotated[
    float, typer.Option(min=1, max=1e15, rich_help_panel=_IN_USE, help="Flows a day on your network.")
]
Protocols = Annotated[
    str, typer.Option(rich_help_panel=_SPLITTING, help="Only these, separated by commas; all that the data allows.")
]
Folds = Annotated[int, typer.Option(min=2, max=20, rich_help_panel=_SPLITTING, help="Folds.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, rich_help_panel=_SPLITTING, help="Seed of everything random.")]
MaxRows = Annotated[int, typer.Option(min=100, rich_help_panel=_SPLITTING, help="Flows kept; a random sample of more.")]
MaxRowsPerFile = Annotated[int, typer.Option(min=1, rich_help_panel=_SPLITTING, help="Flows kept of one file.")]
MaxRowsPerNetwork = Annotated[
    int, typer.Option(min=1, rich_help_panel=_SPLITTING, help="Flows kept of one network; alike they weigh the same.")
]


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="evaluate")(evaluate)


@dataclass(frozen=True, slots=True)
class _Request:
    """What the command line asks for, checked."""

    inputs: list[LabelledInput]
    bundle: Bundle | None
    feature_names: list[str]
    sampling: Sampling


def evaluate(
    data: Data = None,
    benign: Benign = None,
    attack: Attack = None,
    model: Model = None,
    json_file: Json = None,
    strict: Strict = False,
    transfer: TransferFlag = False,
    columns_out: ColumnsOut = None,
    columns: Columns = None,
    base_rate: BaseRate = 0.001,
    flows_per_day: FlowsPerDay = 1_000_000,
    protocols: Protocols = "",
    folds: Folds = 5,
    learner: LearnerName = "guarded-forest",
    trees: Trees = None,
    depth: Depth = None,
    tune: Tune = 0,
    seed: Seed = 0,
    max_rows: MaxRows = 100_000,
    max_rows_per_file: MaxRowsPerFile = 100_000,
    max_rows_per_network: MaxRowsPerNetwork = 100_000,
) -> None:
    """Say how good a model is on traffic it did not learn from, the worst honest figure first.

    First comes an audit of what would make every figure look too good. Then every protocol that the data allows is run
    and shown side by side; the first is the one to quote.
    """
    from netsift.cli.evaluation_tables import Use
    from netsift.evaluation.protocols import Options, chosen
    from netsift.models.dataset import Sampling
    from netsift.models.learners import make_learner

    asked = chosen([name for name in protocols.split(",") if name.strip()])
    if transfer and model:
        raise UsageError("--transfer fits models of its own; leave --model out")
    if columns_out and not transfer:
        raise UsageError("--columns-out belongs to --transfer")
    if model and (columns or protocols):
        raise UsageError(
            "a finished model has its columns and is not trained again; leave --columns and --protocols out"
        )
    if tune and (model or transfer):
        raise UsageError("--tune belongs to training afresh inside each protocol; leave --model and --transfer out")
    chosen_learner = make_learner(learner, seed, trees=trees, depth=depth)
    inputs = labelled_inputs(data, benign, attack)
    keep_apart(
        [*(source.path for source in inputs), *(path for path in (model, columns) if path)], (json_file, columns_out)
    )
    request = _request(inputs, model, columns, Sampling(max_rows, max_rows_per_file, seed, max_rows_per_network))
    dataset, findings = _read(request, strict=strict)
    if transfer:
        _transfer(dataset, findings, chosen_learner, json_file, columns_out)
        return
    with stages() as progress:
        evaluation, kept = _measured(
            dataset, request.bundle, asked, chosen_learner, Options(folds, seed), progress, tune
        )
    use = Use(base_rate, flows_per_day)
    _show(evaluation, kept, use)
    if json_file:
        _write(json_file, _account(dataset, findings, evaluation, kept, use))


def _measured(
    dataset: Dataset,
    bundle: Bundle | None,
    asked: Sequence[Protocol],
    learner: Learner,
    options: Options,
    progress: Progress,
    trials: int,
) -> tuple[Evaluation, list[Promise]]:
    """Train afresh inside each protocol, or score with the finished model."""
    from netsift.evaluation.running import evaluate as evaluate_afresh
    from netsift.evaluation.serving import AS_IT_IS, evaluate_model, promises
    from netsift.evaluation.tuning import Tuning

    if bundle is None:
        tuning = Tuning(trials, options.seed) if trials else None
        return evaluate_afresh(dataset, asked, learner, options, progress, tuning=tuning), []
    evaluation = evaluate_model(dataset, bundle, options.seed, progress)
    return evaluation, promises(dataset, bundle, evaluation.scored[AS_IT_IS.name])


def _request(inputs: list[LabelledInput], model: Path | None, columns: Path | None, sampling: Sampling) -> _Request:
    from netsift.models.bundle import load_bundle

    bundle = None if model is None else load_bundle(model)
    names = common_columns(inputs, columns) if bundle is None else list(bundle.manifest.feature_names)
    return _Request(inputs, bundle, names, sampling)


def _read(request: _Request, *, strict: bool) -> tuple[Dataset, tuple[Finding, ...]]:
    """Read and audit the data. Raises UsageError for what the audit found, where it is to be strict."""
    from netsift.cli.evaluation_tables import print_audit
    from netsift.evaluation.leakage import Severity, audit
    from netsift.evaluation.serving import learned_inputs
    from netsift.models.dataset import read_dataset
    from netsift.sources.flows import is_flow_table

    if not all(is_flow_table(str(source.path)) for source in request.inputs):
        announce_compilation(quiet=False)
    with stages() as progress:
        dataset = read_dataset(request.inputs, request.feature_names, request.sampling, progress)
        progress("auditing", 0, 1)
        findings = audit(dataset, request.sampling.seed)
    if request.bundle is not None:
        findings = (*learned_inputs(dataset, request.bundle), *findings)
    say_what_was_read(dataset)
    print_audit(findings)
    grave = [finding for finding in findings if finding.severity is not Severity.NOTE]
    if strict and grave:
        raise UsageError(f"the audit has {len(grave)} findings that flatter, and --strict makes them an error")
    return dataset, findings


def _transfer(
    dataset: Dataset,
    findings: Sequence[Finding],
    learner: Learner,
    json_file: Path | None,
    columns_out: Path | None,
) -> None:
    from netsift.cli.evaluation_tables import print_transfer
    from netsift.evaluation.transfer import transfer

    with stages() as progress:
        found = transfer(dataset, learner, learner.settings.seed, progress)
    print_transfer(found)
    if columns_out:
        with whole_file(columns_out) as temporary:
            temporary.write_text("".join(f"{name}\n" for name in found.travelling), encoding="utf-8")
    if json_file:
        _write(json_file, {**_data(dataset, findings), "transfer": _transfer_account(found)})


def _show(evaluation: Evaluation, kept: Sequence[Promise], use: Use) -> None:
    from netsift.cli.evaluation_tables import print_evaluation, print_promises

    print_evaluation(evaluation, use)
    if kept:
        print_promises(kept)


def _account(
    dataset: Dataset, findings: Sequence[Finding], evaluation: Evaluation, kept: Sequence[Promise], use: Use
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **_data(dataset, findings),
        "base_rate": use.base_rate,
        "flows_per_day": use.flows_per_day,
        "headline": evaluation.headline.protocol,
        "protocols": [
            {**result.model_dump(), "in_use": [asdict(one) for one in use.of(result)]} for result in evaluation.results
        ],
        "refused": evaluation.refused,
        "promises": [asdict(one) for one in kept],
    }


def _data(dataset: Dataset, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "rows": len(dataset.classes),
        "classes": dataset.rows_of_class,
        "inputs": [
            {**source.model_dump(), "network": network}
            for source, network in zip(dataset.inputs, dataset.networks, strict=True)
        ],
        "columns": list(dataset.feature_names),
        "audit": [finding.as_json() for finding in findings],
    }


def _transfer_account(found: Transfer) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "networks": list(found.networks),
        "columns": [{**asdict(one), "verdict": str(one.verdict)} for one in found.columns],
        "travelling": list(found.travelling),
        "everything": asdict(found.everything),
        "selected": None if found.selected is None else asdict(found.selected),
    }


def _write(path: Path, account: dict[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(
            json.dumps(account, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )
