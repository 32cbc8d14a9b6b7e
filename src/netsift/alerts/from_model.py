"""The findings of a model as alerts of the one schema."""

from __future__ import annotations

from typing import Final

from netsift.alerts.explain import reasons
from netsift.alerts.finding import Evidence, Finding
from netsift.alerts.schema import MOST_MEMBERS, Alert, AlertColumn, FlowReference, alert_id
from netsift.models.taxonomy import TECHNIQUES, classify

MODEL: Final = "model"
"""Name of the detector, whatever the model learned."""

_SEVERITY: Final = {"scan": "low", "other": "low"}
_REFERENCES: Final = 20


def alert_of(finding: Finding) -> Alert:
    """Return a model's finding as an alert.

    Its confidence is its score: on the labelled captures, with one attack in ten, two of three alerts are right
    (docs/alerts.md), at scores around two thirds.
    """
    category = classify(finding.attack).name
    techniques = TECHNIQUES[category]
    return Alert(
        id=alert_id("alert", MODEL, (finding.attack, *finding.sources[:8], *finding.targets[:8]), finding.start_ns),
        kind="alert",
        start_ns=finding.start_ns,
        end_ns=finding.end_ns,
        severity=_SEVERITY.get(category, "medium"),
        confidence=finding.score,
        category=category,
        technique=techniques[0] if techniques else "",
        sources=finding.sources[:MOST_MEMBERS],
        targets=finding.targets[:MOST_MEMBERS],
        ports=finding.ports[:MOST_MEMBERS],
        truncated=finding.truncated or len(finding.sources) > MOST_MEMBERS or len(finding.targets) > MOST_MEMBERS,
        detectors=(MODEL,),
        reason=_reason(finding),
        columns=tuple(_column(evidence) for evidence in finding.evidence),
        flows=finding.flows,
        packets=finding.packets,
        evidence=tuple(_references(finding)),
        normal=finding.normal,
    )


def _reason(finding: Finding) -> str:
    who = finding.sources[0] if len(finding.sources) == 1 else f"{len(finding.sources):,} hosts"
    whom = finding.targets[0] if len(finding.targets) == 1 else f"{len(finding.targets):,} hosts"
    why = "; ".join(reasons(finding.evidence, 3))
    flows = "1 flow" if finding.flows == 1 else f"{finding.flows:,} flows"
    return f"{flows} from {who} to {whom} look like {finding.attack} (score {finding.score:.2f}): {why}"


def _column(evidence: Evidence) -> AlertColumn:
    return AlertColumn(evidence.column, evidence.unit, evidence.value, tuple(evidence.usual), evidence.words)


def _references(finding: Finding) -> list[FlowReference]:
    pairs = [(source, target) for source in finding.sources[:_REFERENCES] for target in finding.targets[:_REFERENCES]]
    return [
        FlowReference(finding.start_ns, finding.end_ns, source, None, target, None, None)
        for source, target in pairs[:_REFERENCES]
    ]
