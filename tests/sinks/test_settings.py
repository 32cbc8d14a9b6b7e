"""The sinks of a configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netsift.alerts.stored import stored_alerts
from netsift.config import load
from netsift.errors import InputError, NetsiftError, UsageError
from netsift.sinks.settings import deliveries
from tests.alerts.made import made


def written(tmp_path: Path, text: str) -> Path:
    """Write a configuration."""
    path = tmp_path / "netsift.toml"
    path.write_text(text)
    return path


def test_sinks_of_a_configuration_deliver(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    file = written(
        tmp_path,
        f'[sinks]\nspool_bytes = "1MiB"\n[[sinks.to]]\nkind = "file"\npath = "{tmp_path / "out.jsonl"}"\n'
        '[[sinks.to]]\nkind = "syslog"\nhost = "logs.example"\ntransport = "tls"\nport = 6514\nformat = "cef"\n'
        f'[[sinks.to]]\nkind = "webhook"\nurl = "https://hooks.example/T0KEN"\nsecret_file = "{tmp_path / "secret"}"\n',
    )
    loaded = load(file)
    made_of_it = deliveries(loaded.configuration.sinks, tmp_path / "spools")
    assert [one.name for one in made_of_it] == [
        f"file {tmp_path / 'out.jsonl'}", "syslog logs.example:6514 (tls)", "web hook https://hooks.example",
    ]  # fmt: skip
    for one in made_of_it:
        one.put([made(1)])
    assert made_of_it[0].send_waiting()
    for one in made_of_it:
        one.close()
    assert list(stored_alerts(tmp_path / "out.jsonl")) == [made(1)]
    again = deliveries(loaded.configuration.sinks, tmp_path / "spools")
    assert [one.counts().waiting for one in again] == [0, 1, 1]
    for one in again:
        one.close()
    shown = json.dumps([one.shown for one in loaded.values])
    assert "logs.example" in shown
    assert "T0KEN" not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ('kind = "pigeon"', UsageError, "sinks.to: .*'pigeon'"),
        ('kind = "file"', UsageError, "sinks.to: Field required"),
        ('kind = "syslog"\nhost = "x"\nprot = 5', UsageError, "sinks.to: Extra inputs are not permitted"),
        ('kind = "webhook"\nurl = "https://x/"', UsageError, "either a secret or a secret_file"),
        ('kind = "webhook"\nurl = "x"\nsecret = "x"', UsageError, "begins with https://"),
        ('kind = "webhook"\nurl = "https://x/"\nsecret_file = "/none"', InputError, "/none: No such file"),
    ],
)
def test_a_sink_that_makes_no_sense_is_refused(tmp_path: Path, text: str, error: type[NetsiftError], says: str) -> None:
    with pytest.raises(error, match=says):
        deliveries(load(written(tmp_path, f"[[sinks.to]]\n{text}\n")).configuration.sinks, tmp_path)
