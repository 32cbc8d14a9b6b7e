"""The first page: loss and health first, then traffic, incidents, and who talks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from apiflask import APIBlueprint
from flask import render_template

from netsift.errors import StoreError
from netsift.store.alert_filter import AlertFilter, Order, State
from netsift.store.flow_filter import FlowFilter
from netsift.store.flow_results import Talkers, Totals
from netsift.web.services import services
from netsift.web.status import OPEN, present_status

blueprint = APIBlueprint("overview", __name__, enable_openapi=False)

MOST_INCIDENTS: Final = 8
MOST_TALKERS: Final = 6
_NOTHING: Final = Totals(0, 0, 0, None, None)


@blueprint.get("/")
def overview() -> str:
    """Show the overview."""
    store = services().store.alerts
    totals, talkers, trouble = _traffic()
    last = services().store.jobs.find(limit=1).rows
    return render_template(
        "overview.html",
        status=present_status(),
        incidents=store.find(OPEN, Order.WEIGHT_LAST, None, MOST_INCIDENTS).rows,
        counts=store.counts(AlertFilter(kind="incident")),
        open_state=State.OPEN,
        totals=totals,
        talkers=talkers,
        most_bytes=max((one.bytes_forward + one.bytes_backward for one in talkers), default=1),
        trouble=trouble,
        last_job=last[0] if last else None,
        now=datetime.now(UTC),
    )


def _traffic() -> tuple[Totals, list[Talkers], str]:
    """Return what the flow store says, and a sentence where it cannot say anything."""
    flows = services().flows
    try:
        return flows.totals(FlowFilter()), flows.talkers(FlowFilter(), MOST_TALKERS), ""
    except StoreError as error:
        return _NOTHING, [], str(error)
