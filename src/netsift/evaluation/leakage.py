"""The audit of labelled rows before anything is learned from them: what would make every figure look too good.

Most data sets of attacks were made in one laboratory, by one tool, from one address, at one time. A model finds
whatever tells those apart, and so do its tests. Arp, Quiring, Pendlebury et al., "Dos and don'ts of machine learning in
computer security", USENIX Security 2022, list what goes wrong; Engelen, Rimmer, Joosen, "Troubleshooting an intrusion
detection dataset", 2021, do it for one set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.splits import Labels, stratified_folds
from netsift.flows import schema
from netsift.models.artefacts import artefact, plain_name
from netsift.models.bundle import Bundle
from netsift.models.dataset import UNKNOWN, Dataset
from netsift.models.features import MISSING, FeatureMatrix
from netsift.models.manifest import AuditEntry

MOST_ROWS: Final = 100_000
"""Rows, drawn at random, on which columns are looked at one by one."""

FEWEST_ROWS: Final = 20
"""Rows of a class from which on it is asked whether one column tells it."""

SEPARATES: Final = 0.99
"""ROC AUC of a single column from which on it tells a class alone."""

HELD_BY_CLASS: Final = 0.95
HELD_BY_REST: Final = 0.01
"""A single value tells a class when more than the first of its rows and less than the second of all others have it."""

TELLS_BY_ADDRESS: Final = 0.95
"""ROC AUC of an address alone from which on the label follows it."""

FEW_RUNS: Final = 0.1
"""The label follows time when it changes less often than a tenth of what chance would give."""

MUCH_COPIED: Final = 0.01
"""Share of rows with a copy across a random cut from which on it is a warning."""

_FOLDS: Final = 5
_MOST_NAMED: Final = 12
_LONGEST_TEXT: Final = 10_000
_SIGNIFICANT_DIGITS: Final = 3


class Severity(StrEnum):
    """How much a finding matters: a note costs nothing, a warning flatters, an error makes figures worthless."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the audit found: which check, in words, with numbers, and what to do about it."""

    check: str
    severity: Severity
    what: str
    advice: str
    columns: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the finding as plain values."""
        return {
            "check": self.check,
            "severity": str(self.severity),
            "what": self.what,
            "advice": self.advice,
            "columns": list(self.columns),
            "numbers": self.numbers,
        }


IDENTIFIERS: Final = frozenset(
    {column.name for column in schema.COLUMNS if column.identity}
    | {"flow_id", "id", "uid", "src_ip", "dst_ip", "source_ip", "destination_ip", "src_port", "dst_port", "source_port",
       "destination_port", "source_address", "destination_address", "src_mac", "dst_mac", "timestamp", "time", "ts",
       "stime", "ltime", "date", "host", "hostname", "sport", "dport", "saddr", "daddr", "srcip", "dstip", "dsport",
       "id_orig_h", "id_orig_p", "id_resp_h", "id_resp_p"}
)  # fmt: skip
"""Names, in lower case with underscores, of columns that say who or when rather than what."""


def audit(dataset: Dataset, seed: int = 0) -> tuple[Finding, ...]:
    """Return what was found, the gravest first; nothing for rows without fault. Deterministic by seed.

    Columns are looked at one by one on at most :data:`MOST_ROWS` rows; copies are looked for among all rows, by a
    64-bit hash of each.
    """
    rows = _sample(len(dataset.classes), seed)
    found = [
        *_identifiers(dataset, rows),
        *_constant_columns(dataset),
        *_copies(dataset, seed),
        *_single_columns(dataset, rows),
        *_label_follows_time(dataset),
        *_label_follows_address(dataset),
        *_meter_columns(dataset),
    ]
    order = [Severity.ERROR, Severity.WARNING, Severity.NOTE]
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def with_audit(bundle: Bundle, findings: Sequence[Finding]) -> Bundle:
    """Return the bundle of a model with what the audit of its training data found."""
    entries = [
        AuditEntry.model_validate(
            {"check": one.check, "severity": str(one.severity), "what": one.what[:_LONGEST_TEXT], "advice": one.advice}
        )
        for one in findings
    ]
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"audit": entries}))


def _sample(rows: int, seed: int) -> npt.NDArray[np.int64]:
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))


def _identifiers(dataset: Dataset, rows: npt.NDArray[np.int64]) -> Iterator[Finding]:
    named = tuple(name for name in dataset.feature_names if plain_name(name) in IDENTIFIERS)
    if named:
        yield Finding(
            "identifiers",
            Severity.ERROR,
            f"{len(named)} of the columns name a flow instead of describing it: {_listed(named)}",
            "leave them out: a model that learns the attacker's address or hour finds only that attacker",
            named,
            {"columns": len(named)},
        )
    hidden = tuple(name for name in _like_circumstances(dataset, rows) if name not in named)
    if hidden:
        yield Finding(
            "identifiers in disguise",
            Severity.ERROR,
            f"{len(hidden)} of the columns hold a time, an address or a port under another name: {_listed(hidden)}",
            "leave them out: they order the flows like the clock or repeat who spoke with whom",
            hidden,
            {"columns": len(hidden)},
        )


def _like_circumstances(dataset: Dataset, rows: npt.NDArray[np.int64]) -> Iterator[str]:
    """Yield columns of many values that rise or fall with the time, or that are one-to-one with an identity."""
    known = dataset.circumstances
    identities = [
        (values[rows], monotone)
        for values, monotone in (
            (known.start_ns, True),
            (known.source, False),
            (known.destination, False),
            (known.destination_port, False),
        )
        if not (values == UNKNOWN).any() and len(np.unique(values[rows])) >= FEWEST_ROWS
    ]
    for position, name in enumerate(dataset.feature_names):
        column = dataset.matrix[rows, position]
        codes = np.unique(column, return_inverse=True)[1]
        if any(_same(codes, values, monotone=monotone) for values, monotone in identities):
            yield name


def _same(codes: Labels, values: Labels, *, monotone: bool) -> bool:
    if monotone:
        # float32 rounds times, so that neighbours become equal; the order is what remains.
        if codes.max() + 1 < min(FEWEST_ROWS, len(codes)):
            return False
        return abs(float(np.corrcoef(_ranks(codes), _ranks(values))[0, 1])) > SEPARATES if codes.max() else False
    numbers = np.unique(values, return_inverse=True)[1]
    distinct = int(numbers.max()) + 1
    return int(codes.max()) + 1 == distinct == len(np.unique(codes * distinct + numbers))


def _constant_columns(dataset: Dataset) -> Iterator[Finding]:
    least, greatest = dataset.matrix.min(axis=0), dataset.matrix.max(axis=0)
    constant = least == greatest
    missing = constant & (least == MISSING)
    for check, which, words in (
        ("missing columns", missing, "have no value in any row"),
        ("constant columns", constant & ~missing, "have the same value in every row"),
    ):
        names = tuple(np.array(dataset.feature_names)[which].tolist())
        if names:
            yield Finding(
                check,
                Severity.NOTE,
                f"{len(names)} of the columns {words}: {_listed(names)}",
                "nothing can be learned from them here; in other traffic they may do anything, so leave them out",
                names,
                {"columns": len(names)},
            )


def row_hashes(matrix: FeatureMatrix, digits: int | None = None) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash of every row of (rows, features), equal for equal rows; to ``digits`` significant digits.

    Columns are mixed in one after another (multiply and rotate, as xxHash does), so that no second matrix is made.
    """
    hashes = np.full(len(matrix), 0xCBF29CE484222325, dtype=np.uint64)
    prime, turn, rest = np.uint64(0x9E3779B97F4A7C15), np.uint64(29), np.uint64(35)
    for position in range(matrix.shape[1]):
        column = matrix[:, position] + np.float32(0)  # turns −0 into 0
        if digits is not None:
            column = _rounded(column, digits)
        hashes = (hashes ^ column.view(np.uint32).astype(np.uint64)) * prime
        hashes = (hashes << turn) | (hashes >> rest)
    return hashes


def _rounded(values: npt.NDArray[np.float32], digits: int) -> npt.NDArray[np.float32]:
    numbers = values.astype(np.float64)
    magnitude = np.floor(np.log10(np.abs(numbers), out=np.zeros(len(numbers)), where=numbers != 0))
    scale = 10.0 ** (digits - 1 - magnitude)
    near: npt.NDArray[np.float32] = (np.round(numbers * scale) / scale).astype(np.float32)
    return near


def _copies(dataset: Dataset, seed: int) -> Iterator[Finding]:
    fold = stratified_folds(dataset.classes, _FOLDS, seed)
    exact = row_hashes(dataset.matrix)
    yield from _contradictions(dataset, exact)
    shares: list[float] = []
    for check, hashes, words in (
        ("copies across a cut", exact, "an exact copy"),
        ("near copies across a cut", row_hashes(dataset.matrix, _SIGNIFICANT_DIGITS), "a copy to three digits"),
    ):
        copied = np.isin(hashes[fold == 0], hashes[fold != 0])
        share = float(copied.mean()) if len(copied) else 0.0
        # Near copies are news only where they are more than the exact ones.
        if share > max([MUCH_COPIED, *(2 * one for one in shares)]):
            yield Finding(
                check,
                Severity.WARNING,
                f"{share:.1%} of the flows that a random split tests have {words} among those it learns from",
                "do not quote the random split; give each flow once, or cut by host pair, campaign or time",
                numbers={"share": round(share, 6), "rows": int(copied.sum())},
            )
        shares.append(share)


def _contradictions(dataset: Dataset, hashes: npt.NDArray[np.uint64]) -> Iterator[Finding]:
    """Find equal rows of different classes: labels that no model can get right, or columns that say too little."""
    distinct, code = np.unique(hashes, return_inverse=True)
    lowest = np.full(len(distinct), len(dataset.names), dtype=np.int64)
    highest = np.full(len(distinct), -1, dtype=np.int64)
    np.minimum.at(lowest, code, dataset.classes)
    np.maximum.at(highest, code, dataset.classes)
    rows = int((lowest != highest)[code].sum())
    wrong = int(((lowest == 0) & (highest > 0))[code].sum())
    if rows:
        yield Finding(
            "copies of another class",
            Severity.WARNING if wrong else Severity.NOTE,
            f"{rows:,} flows have an exact copy of another class, {wrong:,} of them as benign and as attack",
            "look at the labels of these flows: no model can tell them apart by these columns",
            numbers={"rows": rows, "benign_and_attack": wrong},
        )


def _single_columns(dataset: Dataset, rows: npt.NDArray[np.int64]) -> Iterator[Finding]:
    """Find columns that tell a class from all other rows alone: by order, or by one value."""
    classes = dataset.classes[rows]
    counts = np.bincount(classes, minlength=len(dataset.names))
    asked = [kind for kind in range(len(counts)) if FEWEST_ROWS <= counts[kind] <= len(rows) - FEWEST_ROWS]
    if not asked:
        return
    by_class: dict[int, list[tuple[float, str, str]]] = {}
    for position, name in enumerate(dataset.feature_names):
        values, codes = np.unique(dataset.matrix[rows, position], return_inverse=True)
        if len(values) > 1:
            for kind, strength, words in _tells(values, codes, classes, counts, asked):
                by_class.setdefault(kind, []).append((strength, name, words))
    for kind, found in sorted(by_class.items()):
        found.sort(key=lambda one: (-one[0], one[1]))
        examples = "; ".join(f"{name} ({words})" for _, name, words in found[: _MOST_NAMED // 4])
        yield Finding(
            "one column tells a class",
            Severity.WARNING,
            f"{dataset.names[kind]}: {len(found)} columns tell it from all other flows alone, such as {examples}",
            "ask whether it is the attack or the laboratory that has this value; train without the column and compare",
            tuple(name for _, name, _ in found),
            {"columns": len(found), "rows": int(counts[kind])},
        )


def _tells(
    values: npt.NDArray[np.float32], codes: Labels, classes: Labels, counts: Labels, asked: Sequence[int]
) -> Iterator[tuple[int, float, str]]:
    """Yield (class, strength, words) for each class that this column tells; codes index the sorted values."""
    ranks = _ranks(codes)
    sums = np.bincount(classes, weights=ranks, minlength=len(counts))
    of_value = np.bincount(codes)
    total = len(codes)
    for kind in asked:
        rows = int(counts[kind])
        area = (sums[kind] - rows * (rows + 1) / 2) / (rows * (total - rows))
        area = max(area, 1 - area)
        if area >= SEPARATES:
            yield kind, float(area), f"ROC AUC {area:.4f}"
            continue
        of_class = np.bincount(codes[classes == kind], minlength=len(values))
        usual = int(np.argmax(of_class))
        inside = of_class[usual] / rows
        outside = (of_value[usual] - of_class[usual]) / (total - rows)
        if inside > HELD_BY_CLASS and outside < HELD_BY_REST:
            yield (
                kind,
                float(inside - outside),
                f"{values[usual]:g} in {inside:.1%} of its rows, {outside:.1%} elsewhere",
            )


def _ranks(values: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the rank of every value from 1, equal values sharing their mean rank."""
    code = np.unique(values, return_inverse=True)[1]
    counts = np.bincount(code)
    ranks: npt.NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[code]
    return ranks


def _label_follows_time(dataset: Dataset) -> Iterator[Finding]:
    """Count how often the label changes from flow to flow (the runs test of Wald and Wolfowitz, 1940)."""
    known = np.flatnonzero(dataset.circumstances.start_ns != UNKNOWN)
    attack = (dataset.classes[known] > 0)[np.argsort(dataset.circumstances.start_ns[known], kind="stable")]
    attacks = int(attack.sum())
    benign = len(attack) - attacks
    if min(attacks, benign) < FEWEST_ROWS:
        return
    runs = 1 + int(np.count_nonzero(attack[1:] != attack[:-1]))
    expected = 1 + 2 * attacks * benign / (attacks + benign)
    if runs < FEW_RUNS * expected:
        yield Finding(
            "label follows time",
            Severity.WARNING,
            f"in the order of time the label changes {runs - 1:,} times; by chance it would {expected - 1:,.0f} times",
            "cut by time or by campaign, and leave out columns that drift with the time of day",
            numbers={"runs": runs, "expected_runs": round(expected, 1)},
        )


def _label_follows_address(dataset: Dataset) -> Iterator[Finding]:
    """Find addresses that alone tell attacks from benign flows, and classes that are one host and nothing else."""
    for noun in ("source", "destination"):
        hosts = getattr(dataset.circumstances, noun)
        known = hosts != UNKNOWN
        area = address_area(hosts[known], dataset.classes[known] > 0)
        if area is not None and area >= TELLS_BY_ADDRESS:
            yield Finding(
                "label follows address",
                Severity.WARNING,
                f"the {noun} address alone tells attack from benign flows with ROC AUC {area:.3f}",
                "quote only protocols that keep hosts apart; what only these hosts have (TTL, windows) is learned too",
                numbers={"roc_auc": round(area, 6)},
            )
        kinds = [kind for kind in range(1, len(dataset.names)) if _one_host(hosts, dataset.classes, known, kind)]
        if kinds and len(np.unique(hosts[known])) > 1:
            names = [dataset.names[kind] for kind in kinds]
            yield Finding(
                "one address is a class",
                Severity.WARNING,
                f"{len(names)} kinds of attack are one {noun} address that does nothing else: {_listed(names)}",
                "cut by host pair; never learn from addresses, nor from what only this host has (TTL, windows, ports)",
                numbers={"classes": len(names)},
            )


def address_area(hosts: Labels, attack: npt.NDArray[np.bool_]) -> float | None:
    """Return the ROC AUC of the share of attacks among the other flows of each row's host; one half where it has none.

    None where there are fewer than 20 benign or attack rows, or only one host.
    """
    attacks = int(attack.sum())
    if min(attacks, len(attack) - attacks) < FEWEST_ROWS:
        return None
    code = np.unique(hosts, return_inverse=True)[1]
    if code.max() == 0:
        return None
    others = np.bincount(code)[code] - 1
    attacks_of_others = np.bincount(code, weights=attack)[code] - attack
    share = np.divide(attacks_of_others, others, out=np.full(len(code), 0.5), where=others > 0)
    ranks = _ranks(np.unique(share, return_inverse=True)[1])
    return float((ranks[attack].sum() - attacks * (attacks + 1) / 2) / (attacks * (len(attack) - attacks)))


def _one_host(hosts: Labels, classes: Labels, known: npt.NDArray[np.bool_], kind: int) -> bool:
    of_kind = known & (classes == kind)
    rows = int(of_kind.sum())
    if rows < FEWEST_ROWS:
        return False
    found, counts = np.unique(hosts[of_kind], return_counts=True)
    most = int(np.argmax(counts))
    of_host = int(np.count_nonzero(known & (hosts == found[most])))
    return bool(counts[most] > HELD_BY_CLASS * max(rows, of_host))


def _meter_columns(dataset: Dataset) -> Iterator[Finding]:
    found = {name: reason for name in dataset.feature_names if (reason := artefact(name))}
    if found:
        reasons: dict[str, list[str]] = {}
        for name, reason in found.items():
            reasons.setdefault(reason, []).append(name)
        words = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
        yield Finding(
            "columns of the meter",
            Severity.NOTE,
            f"{len(found)} of the columns depend on the meter or the laboratory ({words})",
            "compare with a model without them: netsift evaluate --transfer shows which columns travel",
            tuple(found),
            {"columns": len(found)},
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
