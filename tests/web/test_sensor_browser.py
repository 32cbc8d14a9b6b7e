"""A sensor that watches while its page is open: the browser shows that it lives, what it sees, and its end."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.cli.running import start
from tests.detectors.behaviour.cases import syn_scan
from tests.web.serving import served
from tests.web.test_browser import CHROMIUM, FLAGS, PATIENCE_MS, VIOLATIONS, faults

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.usefixtures("compiled"),
]


def test_the_overview_shows_a_sensor_while_it_watches(tmp_path: Path) -> None:
    scan = syn_scan(40).capture(tmp_path).read_bytes()
    with served(tmp_path, "--no-demonstration") as server, sync_playwright() as playwright:
        sensor = start(
            "watch", "-", "--data", server.data, "--no-model", "--no-suppressions", "--idle-timeout", 2,
            "--keep-packets", "8MB", stdin=subprocess.PIPE,
        )  # fmt: skip
        browser = playwright.chromium.launch(executable_path=shutil.which(str(CHROMIUM)), args=FLAGS)
        page = browser.new_context(base_url=server.address).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(VIOLATIONS)
        errors: list[str] = []
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            expect.set_options(timeout=PATIENCE_MS)
            while not page.locator("[data-sensor=standard-input]").count():
                page.goto("/")
                page.wait_for_timeout(200)
            row = page.locator("tr[data-sensor=standard-input]")
            assert sensor.stdin is not None
            sensor.stdin.write(scan)
            sensor.stdin.flush()
            expect(row.locator("[data-field=packets]")).not_to_have_text("0")
            page.wait_for_selector("#s-packets .main-svg path.js-line", state="attached")
            page.wait_for_selector(".list a[href^='/incidents/']")
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert faults(page) == [], scheme
                if shots := os.environ.get("NETSIFT_SHOTS"):
                    page.screenshot(path=f"{shots}/sensor-{scheme}.png", full_page=True)
            sensor.kill()
            expect(row.locator("[data-field=condition]")).to_have_text("silent")
            page.click(".list a[href^='/incidents/'] >> nth=0")
            with page.expect_download() as downloading:
                page.click("text=Packets (pcap)")
            assert Path(downloading.value.path()).stat().st_size > 24
            assert page.evaluate("window.violations") == []
            assert errors == []
        finally:
            sensor.kill()
            sensor.communicate()
            browser.close()
