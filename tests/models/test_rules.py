"""Labels from schedules and addresses, and rules files that say what cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from netsift.errors import InputError, UsageError
from netsift.models.rules import Rules

RULES = """
time_zone = "America/Halifax"
otherwise = "benign"

[[rule]]
label = "FTP-Patator"
from = 2017-07-04T09:20:00
to = 2017-07-04T10:20:00
source = ["172.16.0.1"]
destination = ["192.168.10.0/24"]
port = [21]
protocol = "tcp"

[[rule]]
label = "anything of the attacker"
source = ["172.16.0.0/16", "fe80::/10"]
either_way = true
"""


def rules(tmp_path: Path, content: str) -> Rules:
    """Read rules."""
    path = tmp_path / "rules.toml"
    path.write_text(content)
    return Rules.read(path)


def flows(*rows: tuple[str, str, int | None, str, int | None, int]) -> pa.RecordBatch:
    """Return flows: time (UTC), source, its port, destination, its port, protocol."""
    times, sources, source_ports, targets, target_ports, protocols = zip(*rows, strict=True)
    moments = [datetime.fromisoformat(time).replace(tzinfo=UTC) if time else None for time in times]
    return pa.RecordBatch.from_pydict({
        "start_time": pa.array(moments, pa.timestamp("ns", "UTC")),
        "src_ip": pa.array(sources), "src_port": pa.array(source_ports, pa.uint16()),
        "dst_ip": pa.array(targets), "dst_port": pa.array(target_ports, pa.uint16()),
        "protocol": pa.array(protocols, pa.uint8()),
    })  # fmt: skip


def test_the_first_rule_that_matches_gives_the_label(tmp_path: Path) -> None:
    read = rules(tmp_path, RULES)
    batch = flows(
        ("2017-07-04T12:20:00", "172.16.0.1", 50000, "192.168.10.50", 21, 6),
        ("2017-07-04T13:19:59.999999", "172.16.0.1", 50000, "192.168.10.50", 21, 6),
        ("2017-07-04T13:20:00", "172.16.0.1", 50000, "192.168.10.50", 21, 6),
        ("2017-07-04T12:30:00", "172.16.0.1", 50000, "192.168.10.50", 22, 6),
        ("2017-07-04T12:30:00", "172.16.0.1", 50000, "192.168.10.50", 21, 17),
        ("2017-07-04T12:30:00", "192.168.10.50", 21, "172.16.0.1", 50000, 6),
        ("2017-07-04T12:30:00", "192.168.10.50", 21, "8.8.8.8", 53, 17),
        ("2017-07-04T12:30:00", "fe80::1", None, "ff02::1", None, 58),
        ("2017-07-04T12:30:00", "not an address", None, "::", None, 58),
    )
    other = "anything of the attacker"
    expected = ["FTP-Patator", "FTP-Patator", other, other, other, other, "benign", other, "benign"]
    assert read.label(batch)["label"].to_pylist() == expected
    assert read.counts.labelled.tolist() == [2, 5]
    assert read.counts.also_matched.tolist() == [0, 2]
    assert (read.counts.otherwise, read.counts.flows) == (2, 9)


def test_either_way_turns_ports_round_too(tmp_path: Path) -> None:
    read = rules(tmp_path, '[[rule]]\nlabel = "ssh"\nport = [22]\nsource = ["10.0.0.1"]\neither_way = true\n')
    ends = (("10.0.0.1", 5, "10.0.0.2", 22), ("10.0.0.2", 22, "10.0.0.1", 5), ("10.0.0.2", 5, "10.0.0.1", 22))
    batch = flows(*(("", *one, 6) for one in ends))
    assert read.label(batch)["label"].to_pylist() == ["ssh", "ssh", None]


def test_a_flow_without_time_matches_no_schedule(tmp_path: Path) -> None:
    batch = flows(("", "10.0.0.1", 5, "10.0.0.2", 22, 6))
    for bound in ("from", "to"):
        read = rules(tmp_path, f'[[rule]]\nlabel = "x"\n{bound} = 2017-07-04T09:20:00Z\n')
        assert read.label(batch)["label"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("zone", "hour"), [('time_zone = "+02:00"', 7), ('time_zone = "-03:30"', 12), ('time_zone = "Europe/Prague"', 7)]
)
def test_time_zones_are_names_or_offsets(zone: str, hour: int, tmp_path: Path) -> None:
    read = rules(tmp_path, f'{zone}\n[[rule]]\nlabel = "x"\nfrom = 2017-07-04T09:00:00\nto = 2017-07-04T09:31:00\n')
    minute = 30 if hour == 12 else 0
    batch = flows(
        (f"2017-07-04T{hour:02}:{minute:02}:00", "10.0.0.1", 5, "10.0.0.2", 22, 6),
        (f"2017-07-04T{hour:02}:{minute + 29}:59", "10.0.0.1", 5, "10.0.0.2", 22, 6),
        (f"2017-07-04T{hour - 1:02}:59:59", "10.0.0.1", 5, "10.0.0.2", 22, 6),
    )
    assert read.label(batch)["label"].to_pylist() == ["x", "x", None]


def test_labels_that_the_flows_had_are_replaced(tmp_path: Path) -> None:
    batch = flows(("", "10.0.0.1", 5, "10.0.0.2", 22, 6))
    for name in ("label", "attack"):
        batch = batch.append_column(name, pa.array(["old"]))
    labelled = rules(tmp_path, '[[rule]]\nlabel = "new"\n').label(batch)
    assert labelled.schema.names[-1] == "label"
    assert "attack" not in labelled.schema.names
    assert labelled["label"].to_pylist() == ["new"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "rule: Field required"),
        ("rule = []", "at least 1 item"),
        ("label = 'x", "cannot be read as TOML"),
        ("[[rule]]\nlabel = 'x'\nports = [1]", r"rule\.0\.ports: Extra inputs"),
        ("[[rule]]\nlabel = 'x'\nport = [65536]", "less than or equal to 65535"),
        ("[[rule]]\nlabel = 'x'\nsource = ['10.0.0.1/8']", "rule 1: 10.0.0.1/8 has host bits set"),
        ("[[rule]]\nlabel = 'x'\nprotocol = 'arp'", "'arp' is no IP protocol"),
        ("[[rule]]\nlabel = 'x'\nfrom = 2017-07-04T09:20:00", "has no time zone"),
        ("time_zone = 'Atlantis/Capital'\n[[rule]]\nlabel = 'x'", "neither a zone's name"),
        ("time_zone = '+25:00'\n[[rule]]\nlabel = 'x'", "neither a zone's name"),
        ("time_zone = '../../etc/passwd'\n[[rule]]\nlabel = 'x'", "neither a zone's name"),
        ("[[rule]]\nlabel = 'x'\nfrom = 2017-07-04T09:20:00Z\nto = 2017-07-04T09:20:00Z", "ends before it begins"),
        ("#" * (1 << 20) + "\n", "at most"),
    ],
)
def test_rules_that_make_no_sense_are_refused(content: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=reason):
        rules(tmp_path, content)


def test_what_rules_need_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml"):
        Rules.read(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="start_time, src_ip"):
        rules(tmp_path, "[[rule]]\nlabel = 'x'").label(pa.RecordBatch.from_pydict({"dst_ip": ["::"]}))
