"""The whole way from flow batches to incidents: behaviours and a model look at every flow once.

What is a behaviour over many flows (scans, guessing, floods, tunnels, theft) is believed of a model only where a
behaviour detector sees it too: such flows have look-alikes one by one, and the model sees them one by one. Then the two
are detectors that agree. What a single flow can show (an exploit, a web attack, remote control) is the model's own to
say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.from_model import MODEL, alert_of
from netsift.alerts.incidents import LINK_GAP_NS, in_order, incidents_of, spreading
from netsift.alerts.novelty import NoveltySearch
from netsift.alerts.pipeline import Detection, ModelSearch
from netsift.alerts.schema import Alert
from netsift.alerts.suppression import Suppression

NEED_BEHAVIOUR: Final = frozenset({"scan", "brute_force", "flood", "slow_http", "tunnel", "exfiltration"})
"""Categories of which a model's alert needs a behaviour detector's alert beside it."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What was seen and what was found; every alert is in one incident, but those ``suppressed`` are in none.

    ``flagged`` flows reached the model's threshold; of them ``too_few`` are too few for what they look like, and
    ``unconfirmed`` no other detector saw, and the model alone is not believed: neither is an alert. ``overflow`` flows,
    the model's or
    suspicious ones, found no room. ``evicted`` hosts, pairs, services and triples were forgotten before their time
    (docs/context.md). Where flows lack ``missing_columns``, behaviours were not looked for, and where they lack
    ``missing_features``, the model did not see them. ``usual`` alerts were left out because the baseline knows what
    they tell.
    """

    flows: int
    packets: int
    flagged: int
    too_few: int
    unconfirmed: int
    overflow: int
    evicted: int
    missing_columns: tuple[str, ...]
    missing_features: tuple[str, ...]
    alerts: tuple[Alert, ...]
    incidents: tuple[Alert, ...]
    suppressed: tuple[Alert, ...] = ()
    usual: int = 0


def detect(
    batches: Iterable[pa.RecordBatch],
    behaviours: BehaviourSearch | None,
    model: ModelSearch | None,
    *,
    everything: bool = False,
    suppression: Suppression | None = None,
    novelty: NoveltySearch | None = None,
) -> Detected:
    """Show every batch to the behaviour detectors and the model, and make incidents of what no rule suppresses.

    ``everything`` makes alerts of low severity also of what the model flagged and is not believed. ``novelty`` judges
    the flows beside a baseline; it looks at them with the context columns of ``behaviours``, which must be there.

    Raises:
        InputError: a batch lacks columns that are needed; all of them are named.
    """
    flows = packets = 0
    for batch in batches:
        flows += batch.num_rows
        packets += int(pc.sum(batch.column("packets")).as_py() or 0) if "packets" in batch.schema.names else 0
        view = behaviours.add(batch) if behaviours is not None else None
        if novelty is not None and behaviours is not None and view is not None:
            novelty.add(view, behaviours.alerts)
        if model is not None:
            model.add(batch)
    settled = model.settle(with_too_few=True) if model is not None else None
    seen = list(behaviours.alerts()) if behaviours is not None else []
    usual = {alert.id for alert in seen if novelty is not None and novelty.is_usual(alert)}
    seen = [alert for alert in seen if alert.id not in usual]
    blind = behaviours.missing_columns if behaviours is not None else ()
    least_score = model.least_score_alone if model is not None else 0.0
    believed, unconfirmed = _believed(seen, settled, least_score, alone=behaviours is None or bool(blind))
    doubted = _doubted(settled, unconfirmed) if everything else []
    strange = list(novelty.alerts()) if novelty is not None else []
    found = [*seen, *believed, *doubted, *strange]
    alerts, suppressed = (suppression or Suppression()).split([*found, *spreading(found)])
    return Detected(
        flows=flows,
        packets=packets,
        flagged=settled.flagged if settled else 0,
        too_few=settled.too_few if settled else 0,
        unconfirmed=sum(alert.flows for alert in unconfirmed),
        overflow=(settled.overflow if settled else 0)
        + (behaviours.overflow_flows if behaviours else 0)
        + (novelty.overflow_flows if novelty else 0),
        evicted=behaviours.tracker.counts.evicted if behaviours else 0,
        missing_columns=blind,
        missing_features=model.missing_columns if model is not None else (),
        alerts=tuple(in_order(alerts)),
        incidents=tuple(incidents_of(alerts)),
        suppressed=tuple(in_order(suppressed)),
        usual=len(usual),
    )


def _believed(
    seen: Sequence[Alert], settled: Detection | None, least_score: float, *, alone: bool
) -> tuple[list[Alert], list[Alert]]:
    """Return the model's alerts that stand, and those that nothing confirms; all kinds of a model that is ``alone``.

    What a behaviour detector saw between the same hosts is what the model saw, whatever name it gave to single flows.
    """
    stand: list[Alert] = []
    unconfirmed: list[Alert] = []
    for finding in settled.findings if settled else ():
        if finding.too_few:
            continue
        alert = alert_of(finding)
        behaviour = next((other for other in seen if _is_same_doing(alert, other)), None)
        if behaviour is not None:
            stand.append(replace(alert, category=behaviour.category, technique=behaviour.technique))
        elif finding.score >= least_score and (alone or alert.category not in NEED_BEHAVIOUR):
            stand.append(alert)
        else:
            unconfirmed.append(alert)
    return stand, unconfirmed


def _is_same_doing(alert: Alert, other: Alert) -> bool:
    return (
        other.start_ns <= alert.end_ns + LINK_GAP_NS
        and alert.start_ns <= other.end_ns + LINK_GAP_NS
        and not set(alert.sources).isdisjoint(other.sources)
        and not set(alert.targets).isdisjoint(other.targets)
    )


def _doubted(settled: Detection | None, unconfirmed: Sequence[Alert]) -> list[Alert]:
    few = [alert_of(finding) for finding in settled.findings if finding.too_few] if settled else []
    named = [(alert, f"too few for {alert.category}") for alert in few]
    named += [(alert, "no behaviour seen, or too low a score for so many flows") for alert in unconfirmed]
    return [
        replace(alert, severity="low", confidence=alert.confidence / 10, detectors=(f"{MODEL}, not believed",),
                reason=f"{why}: {alert.reason}")
        for alert, why in named
    ]  # fmt: skip
