"""The specification at ``/api/openapi.json``: what APIFlask gathers from the views, and what only we know."""

from __future__ import annotations

from typing import Any, Final, cast

from apiflask import APIFlask
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from netsift.store.scopes import Scope
from netsift.web.errors import Problem
from netsift.web.operations import SCOPE
from netsift.web.prediction import MOST_ROWS
from netsift.web.services import services

PATH: Final = "/api/openapi.json"
_SECURITY: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token made with netsift user token."},
    "session": {"type": "apiKey", "in": "cookie", "name": "netsift_session"},
}


def register(application: APIFlask) -> None:
    """Serve the specification; the rows of a prediction are those of the model that is active when it is asked for."""
    application.config.update(
        OPENAPI_VERSION="3.1.0",
        DESCRIPTION="Captures and flows in, explained incidents out. Errors are problem details (RFC 9457).",
        SECURITY_SCHEMES=_SECURITY,
        AUTO_SERVERS=False,
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
    )
    application.spec_processor(lambda specification: completed(cast(dict[str, Any], specification)))

    @application.get(PATH)
    @application.doc(hide=True)
    def specification() -> ResponseReturnValue:
        return jsonify(specification_of(application))

    setattr(application.view_functions[specification.__name__], SCOPE, Scope.READ)


def specification_of(application: Flask) -> dict[str, Any]:
    """Return the specification of the application as it is now."""
    return cast(dict[str, Any], cast(APIFlask, application).spec)


def completed(specification: dict[str, Any]) -> dict[str, Any]:
    """Return the specification with our errors, security and the active model's columns."""
    schemas = specification.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    specification["security"] = [{}, {"token": []}, {"session": []}]
    for path, operations in specification.get("paths", {}).items():
        for operation in operations.values():
            _complete(operation, path)
    if "PredictIn" in schemas:
        schemas["PredictIn"] = _predict_schema()
    return specification


def _complete(operation: dict[str, Any], path: str) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "pattern": "^[^/]{1,200}$"}
    if operation["operationId"] == "upload_capture":
        content = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
        operation["requestBody"] = {"content": {"application/octet-stream": content}}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    operation.setdefault("summary", path)
    operation["summary"] = operation["summary"].rstrip(".")


def _predict_schema() -> dict[str, Any]:
    """Return the three forms of a prediction: rows by column, rows of lists, or values with commas between.

    That columns stand there once, and lists have a value for each, no schema can say.
    """
    predictor = services().models.active().predictor
    rates = [entry.false_positive_rate for entry in predictor.bundle.manifest.thresholds]
    shared = {
        "explain": {"enum": ["flagged", "all", "none"], "default": "flagged"},
        "false_positive_rate": {"enum": [*rates, None]},
    }
    several = {"type": "array", "minItems": 1, "maxItems": MOST_ROWS}
    size = {"minItems": len(predictor.names), "maxItems": len(predictor.names)}
    rows = several | {"items": predictor.row_schema()}
    columns = {"type": "array", "items": {"enum": list(predictor.names)}, "uniqueItems": True} | size
    values = {"type": ["number", "string", "null"]}
    lists = several | {"items": {"type": "array", "items": values} | size}
    text = {"type": "string", "pattern": predictor.text_pattern(), "maxLength": 100_000}
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {**form, **shared},
                "required": list(form),
                "additionalProperties": False,
            }
            for form in ({"rows": rows}, {"columns": columns, "rows": lists}, {"features": text})
        ]
    }
