"""The texts in which alerts are told: Elastic Common Schema, netsift's own JSON, or CEF."""

from __future__ import annotations

import json
from enum import StrEnum

from netsift.alerts.ecs import as_ecs
from netsift.alerts.schema import Alert
from netsift.sinks.cef import as_cef


class TextFormat(StrEnum):
    """How an alert is written."""

    ECS = "ecs"
    NETSIFT = "netsift"
    CEF = "cef"


def text_of(alert: Alert, text_format: TextFormat) -> str:
    """Return an alert as one line of text."""
    if text_format is TextFormat.CEF:
        return as_cef(alert)
    return json.dumps(as_ecs(alert) if text_format is TextFormat.ECS else alert.as_json())
