"""What the resources share: strict models, the scope that a request needs, what their descriptions say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from apiflask import APIBlueprint
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from netsift.store.pages import MOST_ROWS
from netsift.store.scopes import Scope
from netsift.web.errors import problem_responses

View = TypeVar("View", bound=Callable[..., Any])

SCOPE: Final = "_netsift_scope"
_NS: Final = 1_000_000_000
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class In(BaseModel):
    """What a request says; what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Out(BaseModel):
    """What an answer says."""

    model_config = ConfigDict(frozen=True)


def _none_if_empty(value: object) -> object:
    """Forms send empty fields; they ask for nothing."""
    return None if value == "" else value


def _time_or_none(value: object) -> object:
    """Refuse numbers, which pydantic would read as seconds."""
    if isinstance(value, str) and value and not _DAY.match(value):
        raise ValueError("a time is 2026-03-02T12:00:00Z, or without its end")
    return _none_if_empty(value)


Cursor = Annotated[str | None, Field(max_length=1_000), BeforeValidator(_none_if_empty)]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS)]
Moment = Annotated[
    datetime | None,
    BeforeValidator(_time_or_none),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"const": ""}], "default": ""}),
]
"""A time of RFC 3339, a day, or a day and time in UTC."""
OptionalText = Annotated[str, Field(max_length=200)]


def described(
    blueprint: APIBlueprint,
    operation: str,
    scope: Scope,
    *statuses: int,
    content: Mapping[int, tuple[str, dict[str, Any]]] | None = None,
) -> Callable[[View], View]:
    """Name an operation, say which scope it needs and which errors it answers besides 400, 401 and 403.

    ``content`` has type and schema of answers that are no JSON.
    """

    def decorate(view: View) -> View:
        setattr(view, SCOPE, scope)
        responses: Any = problem_responses(*sorted({400, 401, 403, *statuses}))
        for status, (kind, schema) in (content or {}).items():
            responses[status] = {"description": "Successful response", "content": {kind: {"schema": schema}}}
        documented: View = blueprint.doc(operation_id=operation, responses=responses)(view)
        setattr(documented, SCOPE, scope)
        return documented

    return decorate


def moment(time: datetime | None) -> Any:
    """Return a time as RFC 3339 text in UTC."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def nanoseconds(time: datetime | None) -> int | None:
    """Return a time as nanoseconds since 1970; one without a zone is in UTC."""
    if time is None:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    whole = int(aware.timestamp()) * _NS + aware.microsecond * 1_000
    return min(max(whole, -(2**63)), 2**63 - 1)
