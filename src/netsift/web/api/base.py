"""What the resources share: strict models, the scope that a request needs, what their descriptions say."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeVar

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict

from netsift.web.errors import problem_responses

View = TypeVar("View", bound=Callable[..., Any])

SCOPE: Final = "_netsift_scope"


class Scope(StrEnum):
    """What a token may do; admin may do everything, ingest may also read."""

    READ = "read"
    INGEST = "ingest"
    ADMIN = "admin"


class In(BaseModel):
    """What a request says; what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Out(BaseModel):
    """What an answer says."""

    model_config = ConfigDict(frozen=True)


def described(
    blueprint: APIBlueprint, operation: str, scope: Scope, *statuses: int, **more: Any
) -> Callable[[View], View]:
    """Name an operation, say which scope it needs and which errors it answers besides 401, 403 and 429."""

    def decorate(view: View) -> View:
        setattr(view, SCOPE, scope)
        responses: Any = problem_responses(*sorted({400, 401, 403, 429, *statuses}))
        documented: View = blueprint.doc(operation_id=operation, responses=responses, **more)(view)
        setattr(documented, SCOPE, scope)
        return documented

    return decorate
