"""``netsift warmup``: compile ahead, for container images and services."""

from __future__ import annotations

import time

import typer


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="warmup", help="Compile everything now, so that the next start is quick.")(warmup)


def warmup() -> None:
    """Compile every kernel into the cache and say how long it took and where they are."""
    started = time.monotonic()
    import numpy as np

    from netsift.alerts.behaviour import BehaviourSearch
    from netsift.cli.detect import default_model
    from netsift.detectors.novelty.isolation_forest import IsolationForestLearner
    from netsift.kernels.jit import CONTEXT, cache_directory, mark_compiled
    from netsift.models.bundle import load_bundle
    from netsift.sources.warmup import compile_all

    bundle = load_bundle(default_model())
    bundle.explanation.contributions(np.zeros((1, len(bundle.manifest.features)), dtype=np.float32))
    BehaviourSearch().add(compile_all())
    mark_compiled(CONTEXT)
    rows = np.zeros((16, 1), dtype=np.float32)
    IsolationForestLearner(trees=1).fit(rows, 0).score(rows)
    folder = cache_directory()
    place = f"kept in {folder}" if folder else "not kept: no cache directory can be written"
    typer.echo(f"compiled in {time.monotonic() - started:.1f} s, {place}", err=True)
