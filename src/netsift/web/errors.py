"""Errors as answers: problem details (RFC 9457) for programs, a page for people; neither says more than it should."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from apiflask.exceptions import HTTPError
from flask import Flask, Response, current_app, g, render_template, request
from pydantic import BaseModel, ConfigDict
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from netsift.errors import DatabaseError, InputError, NetsiftError, OutputError, StoreError, UsageError

PROBLEM_TYPE: Final = "application/problem+json"
LOGGER: Final = logging.getLogger("netsift.web")

_MACHINE_PATHS: Final = ("/api/", "/metrics", "/healthz", "/readyz")
_LOST: Final = "There is nothing at this address."
_FAILED: Final = "Something went wrong here. It was written to the server's log."
NO_DATABASE: Final = "The database cannot be used now; nothing was changed. It is tried again with every request."
LATER: Final = {"Retry-After": "5"}
_SENTENCES: Final = {404: _LOST, 500: _FAILED}
_STATUS_OF: Final[dict[type[NetsiftError], int]] = {InputError: 422, UsageError: 422, OutputError: 507, StoreError: 503}


class FieldError(BaseModel):
    """What is wrong with one field; ``field`` is its place with dots between, empty for the whole."""

    model_config = ConfigDict(extra="forbid")

    field: str
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 has it; ``errors`` are the fields that were refused."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []


class Refusal(HTTPException):
    """A request that is answered with an error; raised anywhere below a view."""

    def __init__(
        self, status: int, detail: str, errors: Sequence[FieldError] = (), headers: dict[str, str] | None = None
    ) -> None:
        """Say why in one sentence; ``errors`` name the fields at fault, ``headers`` go with the answer."""
        super().__init__(detail)
        self.code = status
        self.errors = list(errors)
        self.headers = headers or {}


def refused_field(field: str, message: str) -> Refusal:
    """Return the refusal of one field of a request that can otherwise be read."""
    return Refusal(422, f"{field}: {message}", [FieldError(field=field, message=message)])


def register(application: Flask) -> None:
    """Answer every error of the application in one of the two shapes."""
    application.register_error_handler(HTTPException, _http)
    application.register_error_handler(HTTPError, _invalid)
    application.register_error_handler(NetsiftError, _sentence)
    application.register_error_handler(DatabaseError, _without_database)


def wants_problem() -> bool:
    """Return whether the request came for data, not for a page."""
    return request.path.startswith(_MACHINE_PATHS)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    usual = default_exceptions.get(status, HTTPException).description
    words = error.description if isinstance(error, Refusal) or error.description != usual else None
    detail = words or _SENTENCES.get(status) or usual or _title(status)
    answer = _answer(status, detail, error.errors if isinstance(error, Refusal) else ())
    answer.headers.extend({name: value for name, value in error.get_headers() if name not in ("Content-Type",)})
    if isinstance(error, Refusal):
        answer.headers.extend(error.headers)
    return answer


def _invalid(error: HTTPError) -> Response:
    """Answer what pydantic refused: ``detail`` is place, then field, then messages."""
    found = [
        FieldError(field="" if field == "_schema" else str(field), message=message)
        for fields in error.detail.values()
        for field, messages in fields.items()
        for message in messages
    ]
    first = found[0] if found else None
    detail = (
        f"{first.field}: {first.message}"
        if first and first.field
        else (first.message if first else error.message or "")
    )
    return _answer(error.status_code, detail, found)


def _sentence(error: NetsiftError) -> Response:
    status = _STATUS_OF.get(type(error), 500)
    if status >= 500:
        LOGGER.error("%s %s: %s", request.method, request.path, error)
    return _answer(status, str(error), ())


def _without_database(error: DatabaseError) -> Response:
    """Answer those who may not be known: where the database is and what ails it is for the log."""
    LOGGER.error("%s %s: %s", request.method, request.path, error)
    g.identity = None
    answer = _answer(503, NO_DATABASE, ())
    answer.headers.extend(LATER)
    return answer


def _answer(status: int, detail: str, errors: Sequence[FieldError]) -> Response:
    if wants_problem():
        problem = Problem(
            title=_title(status), status=status, detail=detail, instance=request.path, errors=list(errors)
        )
        return current_app.response_class(problem.model_dump_json(), status, content_type=PROBLEM_TYPE)
    page = render_template("error.html", status=status, title=_title(status), detail=detail)
    return current_app.response_class(page, status, content_type="text/html; charset=utf-8")


def _title(status: int) -> str:
    return HTTP_STATUS_CODES.get(status, "Error")


def problem_responses(*statuses: int) -> dict[int, dict[str, Any]]:
    """Return how OpenAPI describes these error answers."""
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _title(status), "content": content} for status in statuses}
