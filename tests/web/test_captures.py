"""Uploads: bounded while they come, kept once, never trusted by name."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path
from typing import IO, cast

import pytest
from flask.testing import FlaskClient

from netsift.web.application import Application, create_application
from netsift.web.captures import CHUNK_BYTES, CaptureFolder, shown_name, suffix_of
from netsift.web.errors import Refusal
from netsift.web.settings import MEBIBYTE
from tests.web.conftest import parts_of, settings_for

PATH = "/api/v1/captures"


def files(application: Application) -> list[str]:
    """Return the names of the files in the folder."""
    return sorted(path.name for path in (parts_of(application).settings.data / "captures").iterdir())


def test_a_file_is_kept_once_by_its_hash(application: Application, client: FlaskClient) -> None:
    content = b"\xd4\xc3\xb2\xa1" * 1000
    first = client.put(f"{PATH}?name=a.pcap", data=content).get_json()["capture"]
    second = client.put(f"{PATH}?name=b.pcap", data=content).get_json()["capture"]
    assert first["id"] == second["id"] == hashlib.sha256(content).hexdigest()
    assert first["size_bytes"] == len(content)
    assert client.get(PATH).get_json()["used_bytes"] == len(content)
    assert files(application) == [f"{first['id']}.note.json", f"{first['id']}.pcap"]
    assert client.delete(f"{PATH}/{first['id']}").status_code == 200
    assert (files(application), client.get(PATH).get_json()["used_bytes"]) == ([], 0)


def test_too_large_is_refused_while_it_comes(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path / "data", most_upload_bytes=MEBIBYTE))
    client = application.test_client()
    assert client.put(PATH, data=b"x" * (MEBIBYTE + 1)).status_code == 413
    folder = parts_of(application).captures
    endless = _Endless()
    with pytest.raises(Refusal) as refused:
        folder.receive(cast(IO[bytes], endless), "endless")
    assert refused.value.code == 413
    assert endless.read_bytes <= 3 * CHUNK_BYTES
    assert (files(application), folder.used_bytes) == ([], 0)


def test_all_together_have_a_quota(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path / "data", upload_quota_bytes=MEBIBYTE))
    client = application.test_client()
    statuses = [client.put(PATH, data=bytes([number]) * (MEBIBYTE // 2)).status_code for number in range(3)]
    assert statuses == [201, 201, 507]
    assert parts_of(application).captures.used_bytes == MEBIBYTE
    again = create_application(settings_for(tmp_path / "data", upload_quota_bytes=MEBIBYTE))
    assert parts_of(again).captures.used_bytes == MEBIBYTE


def test_nothing_is_no_file(application: Application, client: FlaskClient) -> None:
    assert client.put(PATH, data=b"").status_code == 422
    assert files(application) == []


def test_a_sender_that_goes_away_leaves_nothing(application: Application) -> None:
    folder = parts_of(application).captures
    with pytest.raises(OSError, match="gone"):
        folder.receive(cast(IO[bytes], _Breaking()), "x")
    assert (files(application), folder.used_bytes) == ([], 0)


def test_what_was_cut_off_by_a_crash_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".upload.abc").write_bytes(b"half")
    (tmp_path / "stranger.note.json").write_text("{}")
    folder = CaptureFolder(tmp_path, MEBIBYTE, MEBIBYTE)
    assert folder.every() == []
    assert not (tmp_path / ".upload.abc").exists()


@pytest.mark.parametrize(
    ("name", "shown", "suffix"),
    [
        ("a.pcap", "a.pcap", ".pcap"),
        ("../../etc/passwd", "passwd", ""),
        ("C:\\temp\\x.PCAPNG", "x.PCAPNG", ".pcapng"),
        ("flows.csv.gz", "flows.csv.gz", ".csv.gz"),
        ("run.sh", "run.sh", ""),
        ("x.exe.gz", "x.exe.gz", ".gz"),
        ("a\x00b\nc.parquet", "abc.parquet", ".parquet"),
        ("", "unnamed", ""),
        (".pcap", ".pcap", ""),
        ("<b>x</b>.pcap", "b>.pcap", ".pcap"),
    ],
)
def test_names_are_text_and_suffixes_are_known(name: str, shown: str, suffix: str) -> None:
    assert (shown_name(name), suffix_of(name)) == (shown, suffix)


def test_a_compressed_body_is_not_unpacked(client: FlaskClient) -> None:
    content = gzip.compress(b"x" * 10_000_000)
    answer = client.put(PATH, data=content, headers={"Content-Encoding": "gzip"})
    assert answer.get_json()["capture"]["size_bytes"] == len(content)


class _Endless(io.RawIOBase):
    """A stream that never ends, and counts what was read of it."""

    read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Return as many bytes as are asked for."""
        self.read_bytes += size
        return b"x" * size


class _Breaking(io.RawIOBase):
    """A stream whose sender goes away."""

    sent = False

    def read(self, size: int = -1) -> bytes:
        """Return something once."""
        if self.sent:
            raise OSError("gone")
        self.sent = True
        return b"x" * min(size, 100)
