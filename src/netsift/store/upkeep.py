"""What has to be done now and then so that nothing kept grows without bound: one call for all stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from netsift.errors import NetsiftError, StoreError
from netsift.store.flow_upkeep import Removed
from netsift.store.flows import FlowStore
from netsift.store.opening import Store
from netsift.store.settings import StoreSettings


@dataclass(slots=True)
class Upkeep:
    """What was done; ``troubles`` are sentences about what could not be done, which the next call tries again."""

    alerts_deleted: int = 0
    audit_lines_deleted: int = 0
    flow_files_joined: int = 0
    flows_deleted: Removed = field(default_factory=Removed)
    troubles: list[str] = field(default_factory=list)


def look_after(store: Store, flows: FlowStore | None, settings: StoreSettings, now: datetime) -> Upkeep:
    """Delete what is older or more than may be kept, and join small files. One process at a time does this, hourly."""
    done = Upkeep()
    try:
        if settings.alert_days is not None:
            done.alerts_deleted = store.alerts.forget(now - timedelta(days=settings.alert_days))
        if settings.audit_days is not None:
            done.audit_lines_deleted = store.audit.forget(now - timedelta(days=settings.audit_days))
    except NetsiftError as error:
        done.troubles.append(str(error))
    if flows is None:
        return done
    try:
        # First room, then joining, which needs some.
        age = None if settings.flow_days is None else timedelta(days=settings.flow_days)
        done.flows_deleted = flows.retain(age, settings.flow_bytes)
        done.flow_files_joined = flows.compact()
    except NetsiftError as error:
        done.troubles.append(str(error))
    return done


def claim_hour(folder: Path, now: datetime) -> bool:
    """Return whether the caller is the one, of all processes that share the folder, to look after it in this hour.

    Raises:
        StoreError: the folder cannot be written.
    """
    name = now.strftime(".upkeep-%Y%m%dT%H")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists() and _is_made(folder / name):
            for old in folder.glob(".upkeep-*"):
                if old.name != name:
                    old.unlink(missing_ok=True)
            return True
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror or error}") from None
    return False


def _is_made(path: Path) -> bool:
    """Return whether a file was made, False where another process was first."""
    try:
        path.open("x").close()
    except FileExistsError:
        return False
    return True
