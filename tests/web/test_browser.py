"""The pages in a real browser: no error, nothing that the policy forbids, and what people do works."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.serving import Served, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.usefixtures("compiled"),
]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS = 60_000
VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server with the demonstration's results."""
    with served(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser without the Internet."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, server: Served) -> Iterator[Page]:
    """Yield a page that fails the test when it has an error or asks for something elsewhere."""
    context = browser.new_context(
        base_url=server.address, viewport={"width": 1280, "height": 900}, timezone_id="Asia/Tokyo"
    )
    context.add_init_script(VIOLATIONS)
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda asked: errors.append(asked.url) if not asked.url.startswith(server.address) else None)
    yield opened
    assert opened.evaluate("window.violations") == []
    assert errors == []
    context.close()


@pytest.fixture
def demonstrated(page: Page) -> Page:
    """Return the page once there is something to see."""
    page.goto("/")
    page.wait_for_selector("text=Open incidents")
    return page


def faults(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page: contrast, names, roles, order of headings and more."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def test_every_page_in_both_schemes_and_on_a_phone(demonstrated: Page) -> None:
    page = demonstrated
    incident = page.locator(".list a[href^='/incidents/']").first.get_attribute("href")
    job = page.request.get("/api/v1/jobs").json()["jobs"][0]["id"]
    paths = ["/", "/alerts", str(incident), "/analyse/", f"/analyse/jobs/{job}", "/models/", "/models/active"]
    for path in (*paths, "/explore", "/settings", "/help"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": 1280, "height": 900})
            page.goto(path)
            page.wait_for_load_state("load")
            if page.locator(".chart:visible").count():
                page.wait_for_selector(".chart .main-svg path.js-line", state="attached")
            assert faults(page) == [], (path, scheme)
            assert page.evaluate("window.violations") == [], path
        page.set_viewport_size({"width": 375, "height": 700})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (path, wide)


def test_times_are_the_viewers_with_utc_on_hover(demonstrated: Page) -> None:
    shown = demonstrated.locator("main time").first
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", shown.inner_text())
    assert str(shown.get_attribute("title")).endswith(" UTC")
    assert shown.inner_text()[:13] != str(shown.get_attribute("title"))[:13]


def test_the_theme_is_kept(demonstrated: Page) -> None:
    page = demonstrated
    page.emulate_media(color_scheme="light")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto("/alerts")
    assert before != after == page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_a_file_is_dropped_and_becomes_incidents(page: Page, capture: Path, tmp_path: Path) -> None:
    name = "<img src=x onerror=window.hit=1>.pcap"
    hostile = tmp_path / name
    shutil.copy(capture, hostile)
    page.goto("/analyse/")
    page.set_input_files("#file", hostile)
    page.wait_for_url("**/analyse/jobs/*")
    assert name in page.inner_text("h1")
    page.click("table a[href^='/incidents/'] >> nth=0")
    page.wait_for_selector("text=What happened")
    with page.expect_download() as downloading:
        page.click("text=Packets (pcap)")
    assert Path(downloading.value.path()).stat().st_size > 24
    assert page.evaluate("window.hit") is None


def test_a_bad_file_says_why(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.pcap").write_text("not a capture " * 100)
    page.goto("/analyse/")
    page.set_input_files("#file", tmp_path / "notes.pcap")
    assert "not a pcap" in page.locator("#job-result .bad").inner_text()
    assert page.locator("#upload").is_visible()


def test_a_verdict_and_a_rule(demonstrated: Page) -> None:
    page = demonstrated
    page.goto("/alerts?severity=high&category=brute_force")
    page.click("tbody a >> nth=0")
    page.click("#verdicts [data-verdict=benign]")
    page.wait_for_selector("text=Kept: benign")
    page.click("text=Suppress…")
    page.wait_for_selector("#effect >> text=would have hidden")
    page.fill("#s-target", "")
    page.wait_for_selector("#effect >> text=Think twice")
    page.fill("#s-reason", "our scanner")
    page.check("#grave")
    page.click("#suppress button[type=submit]")
    page.wait_for_selector("text=until it expires")
    page.goto("/settings")
    page.click("[data-rule] >> nth=0")
    page.wait_for_selector("text=our scanner", state="detached")


def test_one_flow_by_form_and_by_numbers(page: Page) -> None:
    page.goto("/analyse/")
    page.select_option("#example", "scan")
    page.click("#fill")
    page.wait_for_selector("text=Filled in")
    page.click("#flow button[type=submit]")
    assert page.locator(".verdict-class").inner_text() == "scan"
    assert page.locator("#verdict .bars tr").count() >= 3
    page.click("#tab-paste")
    page.click("#flow button[type=submit]")
    page.wait_for_selector("text=Answered in")
    assert page.locator(".verdict-class").inner_text() == "scan"


def test_the_form_names_a_wrong_value_by_keyboard_alone(browser: Browser, server: Served) -> None:
    page = browser.new_page(base_url=server.address)
    page.goto("/analyse/")
    page.focus("#f-bytes_fwd")
    page.keyboard.press("Control+A")
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    page.wait_for_selector("#e-bytes_fwd >> text=text where a number must be")
    assert page.evaluate("document.activeElement.id") == "f-bytes_fwd"
    assert page.get_attribute("#f-bytes_fwd", "aria-invalid") == "true"
    page.close()


def test_the_threshold_moves_recall_and_cost(page: Page) -> None:
    page.goto("/models/active")
    expect(page.locator("#at-recall")).to_have_text(re.compile("%"))
    before = page.inner_text("#at-recall")
    page.focus("#threshold")
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    assert page.inner_text("#at-recall") != before


def test_what_is_new_is_told_without_loading_again(demonstrated: Page, capture: Path) -> None:
    page = demonstrated
    page.wait_for_selector("#live >> text=live")
    content = capture.read_bytes()
    sent = page.request.put("/api/v1/captures?name=more.pcap", data=content, headers=_headers(page))
    assert sent.status == 201
    page.wait_for_selector("#live >> text=New: show")


def test_a_server_that_is_gone_is_told(browser: Browser, server: Served) -> None:
    context = browser.new_context(base_url=server.address)
    page = context.new_page()
    page.goto("/")
    context.set_offline(True)
    page.wait_for_selector("#offline", state="visible", timeout=PATIENCE_MS)
    context.set_offline(False)
    page.wait_for_selector("#offline", state="hidden", timeout=PATIENCE_MS)
    context.close()


def _headers(page: Page) -> dict[str, str]:
    token = page.get_attribute('meta[name="csrf-token"]', "content")
    return {
        "X-CSRF-Token": str(token),
        "Origin": page.evaluate("location.origin"),
        "Content-Type": "application/octet-stream",
    }
