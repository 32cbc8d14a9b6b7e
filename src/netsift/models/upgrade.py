"""What bundles of older format versions lack, added when they are read."""

from __future__ import annotations

from typing import Any, Final

from netsift.models.taxonomy import techniques_of

PROBABILITIES_OF_VERSION_1: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Where that version kept quantiles."""


def upgraded_manifest(loaded: dict[str, Any], version: int) -> dict[str, Any]:
    """Return a manifest of format ``version`` as one of the present version; what it did not say stays unsaid.

    Version 1 had no dialect and no techniques: its names were netsift's, its techniques follow from its class names. Up
    to version 2 the settings of the learner stood beside its name, and were those of a forest.
    """
    if version <= 2:
        loaded = {**loaded, "learner": _with_settings(loaded.get("learner"))}
    if version > 1:
        return loaded
    classes = loaded.get("classes")
    names = [name for name in classes if isinstance(name, str)] if isinstance(classes, list) else []
    return {"dialect": "netsift", "techniques": techniques_of(names), **loaded}


def _with_settings(learner: Any) -> Any:
    if not isinstance(learner, dict):
        return learner
    settings = {name: value for name, value in learner.items() if name != "name"}
    return {name: value for name, value in learner.items() if name == "name"} | {"settings": settings}


def upgraded_reference(loaded: Any, version: int) -> Any:
    """Return a reference of format ``version`` as one of the present version.

    Version 1 described benign flows only, by fewer quantiles and without their scores.
    """
    if version > 1 or not isinstance(loaded, dict):
        return loaded
    return {"classes": {}, "score": None, **loaded}
