"""Static files: kept for ever under an address that changes with them, and compressed."""

from __future__ import annotations

import gzip
import re

from flask.testing import FlaskClient

from netsift.web.assets import address, plotly_file, plotly_style_id


def test_a_file_may_be_kept_for_ever(client: FlaskClient) -> None:
    answer = client.get(address("app.css"))
    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.data.startswith(b"/* Two colour schemes")


def test_the_chart_library_is_sent_compressed(client: FlaskClient) -> None:
    answer = client.get(address("plotly.min.js"), headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == plotly_file().read_bytes()
    assert len(answer.data) < plotly_file().stat().st_size / 3


def test_another_version_or_another_file_is_not_there(client: FlaskClient) -> None:
    for path in (
        "/static/0123456789abcdef/app.css",
        f"{address('app.css')}/../theme.js",
        "/static/x/../../pyproject.toml",
    ):
        assert client.get(path).status_code == 404


def test_modules_import_what_there_is(client: FlaskClient) -> None:
    folder = address("app.css").rpartition("/")[0]
    for name in ("app", "alerts", "analyse", "explore", "filter", "incident", "job", "model", "overview", "settings"):
        script = client.get(f"{folder}/js/{name}.js")
        if name == "alerts":
            assert script.status_code == 404
            continue
        text = script.get_data(as_text=True)
        for module in re.findall(r'from "\./([^"]+)"', text):
            assert client.get(f"{folder}/js/{module}").status_code == 200
        assert "innerHTML" not in text
        assert "eval(" not in text


def test_the_style_sheet_that_plotly_would_write_is_known() -> None:
    assert re.fullmatch("[0-9a-f]{64}", plotly_style_id())
