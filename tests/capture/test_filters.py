"""Filter programs: what libpcap makes of an expression, and what is refused with a sentence."""

from __future__ import annotations

import struct

import pytest

from netsift.capture import filters
from netsift.errors import InputError, UsageError


def test_without_an_expression_everything_is_kept_up_to_the_snap_length() -> None:
    assert struct.unpack("=HBBI", filters.everything(96)) == (0x06, 0, 0, 96)


@pytest.mark.parametrize(
    ("expression", "ends", "expected"),
    [
        ("", [], ""),
        ("tcp", [], "(tcp)"),
        ("", ["192.0.2.1"], "not (host 192.0.2.1)"),
        ("tcp or udp", ["192.0.2.1:514"], "not (host 192.0.2.1 and port 514) and (tcp or udp)"),
        ("", ["2001:db8::1", "[2001:db8::2]:80"], "not (host 2001:db8::1) and not (host 2001:db8::2 and port 80)"),
        ("vlan 7", ["[192.0.2.1]"], "not (host 192.0.2.1) and (vlan 7)"),
    ],
)
def test_what_is_excluded_stands_in_front(expression: str, ends: list[str], expected: str) -> None:
    assert filters.without(expression, ends) == expected


@pytest.mark.parametrize("end", ["", "example.org", "192.0.2.1:http", "1.2.3", "a) or (tcp", "::1]:5"])
def test_ends_that_are_none_are_refused(end: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        filters.without("", [end])


def test_where_libpcap_is_missing_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    filters._library.cache_clear()
    monkeypatch.setattr(filters, "_NAMES", ("libpcap-that-nobody-has.so",))
    with pytest.raises(InputError, match="a filter needs libpcap"):
        filters.compiled("tcp", "lo", 96)
    filters._library.cache_clear()
