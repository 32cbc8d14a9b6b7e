"""``/api/v1/suppressions``: rules that hide alerts, and what one would have hidden."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import Field

from netsift.alerts.suppression import DEFAULT_DAYS, MOST_DAYS, Effect, Rule, new_rule, scope_of
from netsift.alerts.suppression import Scope as RuleScope
from netsift.store.scopes import Scope
from netsift.store.suppressions import StoredRule
from netsift.web.errors import Refusal, refused_field
from netsift.web.identity import actor, audit
from netsift.web.operations import In, Out, described, moment
from netsift.web.services import services

blueprint = APIBlueprint("suppressions", __name__, tag="Suppressions")

Texts = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=1_000)]
Ports = Annotated[tuple[Annotated[int, Field(ge=0, le=65_535)], ...], Field(max_length=1_000)]


class ScopeIn(In):
    """What a rule hides: all of an alert's sources, targets and ports must lie in what is listed."""

    source: Texts = ()
    target: Texts = ()
    port: Ports = ()
    category: Texts = ()
    detector: Texts = ()

    def scope(self) -> RuleScope:
        """Return the scope. Raises UsageError that says what makes no sense, Refusal when it asks for nothing."""
        scope = scope_of(**{name: list(getattr(self, name)) for name in ScopeIn.model_fields})
        if not scope.content():
            raise refused_field("", "a rule must name what it hides")
        return scope


class RuleIn(ScopeIn):
    """A rule, why it is there and for how many days. `even_if_grave` allows one that hides what is grave."""

    reason: Annotated[str, Field(min_length=1, max_length=1_000)]
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = DEFAULT_DAYS
    even_if_grave: bool = False


class RuleOut(Out):
    """A rule in force or expired."""

    id: str
    reason: str
    author: str
    created: str
    expires: str
    in_force: bool
    words: str
    source: list[str]
    target: list[str]
    port: list[int]
    category: list[str]
    detector: list[str]


class RuleList(Out):
    """All rules, the latest first."""

    rules: list[RuleOut]


class EffectOut(Out):
    """What a rule would have hidden among all alerts that are stored; `objections` ask to think twice."""

    alerts: int
    hidden: int
    hidden_before: int
    incidents: int
    incidents_gone: int
    incidents_smaller: int
    grave: int
    categories: dict[str, int]
    examples: list[str]
    objections: list[str]


class AddedOut(Out):
    """The new rule and how many alerts it hides."""

    rule: RuleOut
    hidden: int


class RemovedOut(Out):
    """How many alerts are shown again."""

    shown: int


@blueprint.get("/suppressions")
@blueprint.output(RuleList)
@described(blueprint, "list_suppressions", Scope.READ)
def list_suppressions() -> dict[str, Any]:
    """List the rules."""
    return {"rules": [rule_json(one) for one in services().store.suppressions.every()]}


@blueprint.post("/suppressions/dry-run")
@blueprint.input(ScopeIn)
@blueprint.output(EffectOut)
@described(blueprint, "try_suppression", Scope.READ, 422)
def try_suppression(json_data: ScopeIn) -> dict[str, Any]:
    """Show what a rule would have hidden; nothing is changed."""
    return effect_json(services().store.suppressions.dry_run(json_data.scope()))


@blueprint.post("/suppressions")
@blueprint.input(RuleIn)
@blueprint.output(AddedOut, status_code=201)
@described(blueprint, "add_suppression", Scope.INGEST, 409, 422)
def add_suppression(json_data: RuleIn) -> dict[str, Any]:
    """Add a rule; one that hides something grave, or everything, needs to say so."""
    rule, store = new_rule(json_data.scope(), json_data.reason, datetime.now(UTC), json_data.days), services().store
    objections = store.suppressions.dry_run(rule).objections()
    if objections and not json_data.even_if_grave:
        raise Refusal(409, f"Think twice: {' and '.join(objections)}.")
    hidden = store.suppressions.add(rule, actor())
    audit("add suppression", rule.id, words=rule.words(), hidden=hidden)
    return {"rule": rule_json(StoredRule(rule, actor())), "hidden": hidden}


@blueprint.delete("/suppressions/<identifier>")
@blueprint.output(RemovedOut)
@described(blueprint, "remove_suppression", Scope.INGEST, 404)
def remove_suppression(identifier: str) -> dict[str, Any]:
    """Remove a rule, so that what it alone hid is shown again."""
    store = services().store.suppressions
    if all(one.rule.id != identifier for one in store.every()):
        raise Refusal(404, "There is no such rule.")
    shown = store.remove(identifier)
    audit("remove suppression", identifier, shown=shown)
    return {"shown": shown}


def rule_json(stored: StoredRule) -> dict[str, Any]:
    """Return a rule in the shape of :class:`RuleOut`."""
    rule: Rule = stored.rule
    return {name: list(getattr(rule, name)) for name in ScopeIn.model_fields} | {
        "id": rule.id,
        "reason": rule.reason,
        "author": stored.author,
        "created": moment(rule.created),
        "expires": moment(rule.expires),
        "in_force": rule.expires > datetime.now(UTC),
        "words": RuleScope.words(rule),
    }


def effect_json(effect: Effect) -> dict[str, Any]:
    """Return an effect in the shape of :class:`EffectOut`."""
    names = ("alerts", "hidden", "hidden_before", "incidents", "incidents_gone", "incidents_smaller", "grave")
    return {name: getattr(effect, name) for name in names} | {
        "categories": dict(effect.categories),
        "examples": [alert.reason for alert in effect.examples],
        "objections": effect.objections(),
    }
