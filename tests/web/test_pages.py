"""Every page answers, with nothing in it and with something, and what others wrote is text in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from netsift.alerts.feedback import Verdict
from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import Alert, AlertColumn, FlowReference
from netsift.store.jobs import JobState
from netsift.web.application import Application
from netsift.web.pages.filters import measured
from tests.alerts.made_up import made
from tests.web.conftest import parts_of

SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>"
QUOTE = "\"' onmouseover='alert(1)"


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))


def pages(application: Application) -> list[str]:
    """Return the paths of the pages that need no id."""
    rules = [rule for rule in application.url_map.iter_rules() if "GET" in (rule.methods or ())]
    machine = ("/api/", "/metrics", "/healthz", "/readyz", "/static/")
    return [rule.rule for rule in rules if "<" not in rule.rule and not rule.rule.startswith(machine)]


def check(page: str) -> None:
    """Check that a page is one that our policy allows, and readable by those who do not see it."""
    tags = Tags(page).tags
    assert not [
        tag for tag, attributes in tags if "style" in attributes or any(name.startswith("on") for name in attributes)
    ]
    assert not [tag for tag, _ in tags if tag == "style"]
    assert all(attributes.get("src") for tag, attributes in tags if tag == "script")
    assert not [value for _, attributes in tags for value in attributes.values() if value and "javascript:" in value]
    assert sum(tag == "h1" for tag, _ in tags) == 1
    identities = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    labelled = {attributes.get("for") for tag, attributes in tags if tag == "label"}
    for tag, attributes in tags:
        if tag in ("input", "select", "textarea") and attributes.get("type") not in ("hidden", "checkbox"):
            assert attributes.get("id") in labelled, attributes
    assert re.search(r'<html lang="en">', page)


def test_every_page_without_anything(application: Application) -> None:
    client = application.test_client()
    found = pages(application)
    assert len(found) >= 8
    for path in found:
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        check(answer.get_data(as_text=True))


@pytest.mark.usefixtures("stored")
def test_every_page_with_something(application: Application, stored: list[Alert]) -> None:
    client = application.test_client()
    jobs = parts_of(application).store.jobs
    job = jobs.add("capture", "x.pcap", {"capture": "0" * 64})
    found = [*pages(application), "/models/active", f"/analyse/jobs/{job.id}", "/alerts?kind=alert"]
    found += [f"/{'incidents' if one.kind == 'incident' else 'alerts'}/{one.id}" for one in stored]
    for path in found:
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        check(answer.get_data(as_text=True))


def test_script_is_text_everywhere(application: Application) -> None:
    parts = parts_of(application)
    flow = FlowReference(1, 2, SCRIPT, 1, QUOTE, 2, 6)
    hostile = replace(
        made("scan", "10.0.0.1", "10.0.0.2", severity="high"),
        sources=(SCRIPT, QUOTE), targets=(SCRIPT,), reason=SCRIPT, detectors=(SCRIPT,), technique=SCRIPT,
        columns=(AlertColumn(SCRIPT, SCRIPT, SCRIPT, (SCRIPT,), SCRIPT),), evidence=(flow,), normal=flow,
        category=SCRIPT,
    )  # fmt: skip
    [incident] = incidents_of([hostile])
    parts.store.alerts.upsert([hostile, incident])
    job = parts.store.jobs.add("capture", SCRIPT, {"capture": "0" * 64}, owner=SCRIPT)
    parts.store.jobs.take(job.id)
    parts.store.jobs.fail(job.id, SCRIPT)
    parts.store.audit.record(SCRIPT, SCRIPT, SCRIPT, address=SCRIPT)
    parts.store.tokens.create(SCRIPT, ["read"])
    parts.store.feedback.add(hostile.id, Verdict.TRUE, SCRIPT)
    client = application.test_client()
    paths = ["/", "/alerts", "/analyse/", "/settings", f"/incidents/{incident.id}", f"/alerts/{hostile.id}"]
    paths += [f"/analyse/jobs/{job.id}", f"/alerts?text={SCRIPT}", f"/explore?host={SCRIPT}", f"/login?next={SCRIPT}"]
    for path in paths:
        page = client.get(path, follow_redirects=True).get_data(as_text=True)
        assert "alert('x')</script>" not in page, path
        assert "onerror=alert(1)>" not in page.replace("&gt;", "").replace("&lt;", ""), path
        check(page)
    assert parts.store.jobs.get(job.id).state is JobState.FAILED  # type: ignore[union-attr]


def test_an_alert_shows_the_ordinary_flow_most_like_it(application: Application) -> None:
    plain = made("scan", "10.0.0.1", "10.0.0.2")
    flow = FlowReference(1, 2, "10.0.0.7", 40_000, "10.0.0.8", 443, 6)
    compared = replace(
        made("flood", "10.0.0.3", "10.0.0.4"), evidence=(flow,), normal=replace(flow, src_ip="10.0.0.99")
    )
    parts_of(application).store.alerts.upsert([plain, compared])
    client = application.test_client()
    page = client.get(f"/alerts/{compared.id}").get_data(as_text=True)
    assert page.index("Ordinary, and most like it") < page.index("10.0.0.99")
    assert "Ordinary, and most like it" not in client.get(f"/alerts/{plain.id}").get_data(as_text=True)


def test_a_table_keeps_its_filter_in_its_links(client: FlaskClient, stored: list[Alert]) -> None:
    assert stored
    page = client.get("/alerts?severity=critical&sort=-start&limit=1").get_data(as_text=True)
    links = [
        attributes["href"]
        for tag, attributes in Tags(page).tags
        if tag == "a" and "sort=" in str(attributes.get("href"))
    ]
    assert links
    assert all("severity=critical" in str(link) and "cursor" not in str(link) for link in links)
    assert 'aria-sort="descending"' in page


def test_flows_are_asked_for_by_network(client: FlaskClient) -> None:
    for network in ("10.0.0.0/8", "2001:db8::/32", "::/0"):
        answer = client.get("/explore", query_string={"host": network})
        assert answer.status_code == 200
        assert f'value="{network}"' in answer.get_data(as_text=True)


def test_a_page_of_nonsense_is_refused(client: FlaskClient) -> None:
    for path in ("/alerts?sort=colour", "/alerts?cursor=x", "/explore?port=x", "/explore?state=odd", "/alerts?after=x"):
        answer = client.get(path)
        assert answer.status_code in (400, 422), path
        assert "<h1>" in answer.get_data(as_text=True)
    for path in ("/incidents/nothing", "/alerts/nothing", "/models/nothing", "/analyse/jobs/nothing"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.0, "flows", "1 flow"), (2.0, "flows", "2 flows"), (1.0, "count", "1"), (64_809.0, "", "64,809"),
        ("S0", "", "S0"), (None, "bytes", "–"),
    ],
)  # fmt: skip
def test_values_have_the_unit_that_they_have(value: float | str | None, unit: str, text: str) -> None:
    assert measured(value, unit) == text
