"""docs/alerts.md names every field, and its file of rules is one."""

from __future__ import annotations

import json
import re
from pathlib import Path

from netsift.alerts.suppression import Scope, read_rules
from tests.alerts.made import SCAN
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_every_field_has_a_row_and_no_other() -> None:
    table = PAGE.split("## Fields")[1].split("### Ids")[0]
    named = [
        name for cell in re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    ]
    assert sorted(named) == sorted(SCAN.as_json())
    assert all(f"`{name}`" in table for name in (*SCAN.as_json()["columns"][0], *SCAN.as_json()["evidence"][0]))


def test_the_file_of_rules_can_be_read_and_shows_every_key(tmp_path: Path) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "rules.json").write_text(text)
    (rule,) = read_rules(tmp_path / "rules.json")
    assert set(json.loads(text)["rules"][0]) == {
        *(field.alias or name for name, field in Scope.model_fields.items()), "id", "reason", "created", "expires"
    }  # fmt: skip
    assert rule.category == ["exfiltration"]
