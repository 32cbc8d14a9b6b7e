"""Fetching one file: it is whole and right under its name, or not there."""

from __future__ import annotations

import hashlib
import json
import random
import socket
from pathlib import Path

import pytest

from netsift.errors import InputError, OutputError
from netsift.sources.download import UnreachableError, Wanted, download, sha256_of
from tests.sources.web import Behaviour, serving

CONTENT = random.Random(7).randbytes(1_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HALF = 400_000


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def broken_off(address: str, behaviour: Behaviour, target: Path) -> None:
    """Fetch the first part of a file and let the server break off."""
    behaviour.breaks_off_after = HALF
    with pytest.raises(
        InputError, match=r"broke off \(400,000 of 1,000,000 bytes are there\); the same command goes on"
    ):
        download(Wanted(address), target)
    behaviour.breaks_off_after = None


def test_a_file_is_fetched_whole_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    target = tmp_path / "x.bin"
    with serving(Behaviour(CONTENT)) as address:
        wanted = Wanted(address, len(CONTENT), DIGEST)
        assert download(wanted, target, lambda done, total: told.append((done, total))) == DIGEST
    assert target.read_bytes() == CONTENT
    assert names(tmp_path) == ["x.bin"]
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert sha256_of(target) == DIGEST


def test_what_broke_off_leaves_only_the_part_and_goes_on_in_the_middle(tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        assert names(tmp_path) == ["x.bin.part", "x.bin.part.json"]
        assert (tmp_path / "x.bin.part").stat().st_size == HALF
        assert download(Wanted(address, sha256=DIGEST), target) == DIGEST
    assert behaviour.requested == [None, f"bytes={HALF}-"]
    assert target.read_bytes() == CONTENT
    assert names(tmp_path) == ["x.bin"]


def test_a_date_identifies_a_version_where_there_is_no_strong_tag(tmp_path: Path) -> None:
    target = tmp_path / "x.bin"
    behaviour = Behaviour(CONTENT, tag='W/"weak"', modified="Wed, 01 Jan 2020 00:00:00 GMT")
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        assert json.loads((tmp_path / "x.bin.part.json").read_text())["validator"] == behaviour.modified
        download(Wanted(address, sha256=DIGEST), target)
    assert behaviour.requested == [None, f"bytes={HALF}-"]


def test_another_version_on_the_server_is_fetched_from_its_beginning(tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        behaviour.content, behaviour.tag = CONTENT[::-1], '"two"'
        download(Wanted(address), target)
    assert target.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("spoil", ["ranges", "tag"])
def test_a_server_that_cannot_go_on_sends_everything(spoil: str, tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    setattr(behaviour, spoil, None)
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        download(Wanted(address, sha256=DIGEST), target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "note", [b"", b"[]", b"{", b"[" * 10_000, b'{"address": "https://other", "validator": "x"}', b"own"]
)
def test_a_part_whose_version_is_not_known_is_not_built_upon(note: bytes, tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    (tmp_path / "x.bin.part").write_bytes(b"something else")
    (tmp_path / "x.bin.part.json").write_bytes(note)
    with serving(behaviour) as address:
        if note == b"own":
            words = {"address": address, "validator": "\u65e5\r\nHost: x"}
            (tmp_path / "x.bin.part.json").write_text(json.dumps(words))
        assert download(Wanted(address), target) == DIGEST
    assert behaviour.requested == [None]


def test_a_part_that_is_complete_already_needs_no_byte(tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        (tmp_path / "x.bin.part").write_bytes(CONTENT)
        assert download(Wanted(address, sha256=DIGEST), target) == DIGEST
    assert behaviour.requested == [None, "bytes=1000000-"]


def test_a_part_longer_than_the_file_is_fetched_anew(tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        (tmp_path / "x.bin.part").write_bytes(CONTENT + b"more")
        assert download(Wanted(address), target) == DIGEST
    assert behaviour.requested == [None, "bytes=1000004-", None]


def test_another_part_than_was_asked_for_is_refused(tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        behaviour.shifted = 7
        with pytest.raises(InputError, match="another part of the file"):
            download(Wanted(address), target)
    assert (tmp_path / "x.bin.part").stat().st_size == HALF


def test_a_wrong_hash_is_refused_and_removed(tmp_path: Path) -> None:
    target = tmp_path / "x.bin"
    target.write_bytes(b"what was there")
    with (
        serving(Behaviour(CONTENT[:-1] + b"!")) as address,
        pytest.raises(InputError, match=f"refused and removed, because its SHA-256 is [0-9a-f]{{64}} and not {DIGEST}"),
    ):
        download(Wanted(address, sha256=DIGEST), target)
    assert names(tmp_path) == ["x.bin"]
    assert target.read_bytes() == b"what was there"


def test_a_wrong_beginning_shows_in_the_hash_of_the_whole(tmp_path: Path) -> None:
    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    with serving(behaviour) as address:
        broken_off(address, behaviour, target)
        (tmp_path / "x.bin.part").write_bytes(bytes(HALF))
        with pytest.raises(InputError, match="refused and removed"):
            download(Wanted(address, sha256=DIGEST), target)
        assert names(tmp_path) == []
        assert download(Wanted(address, sha256=DIGEST), target) == DIGEST


def test_a_wrong_size_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    with (
        serving(Behaviour(CONTENT)) as address,
        pytest.raises(InputError, match="the server has 1,000,000 bytes and the publisher says 999,999"),
    ):
        download(Wanted(address, 999_999), tmp_path / "x.bin")
    assert names(tmp_path) == []


@pytest.mark.parametrize("size", [None, 3_000_000])
def test_an_endless_body_is_cut_at_the_bound_and_removed(size: int | None, tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, says_length=False, endless=True)
    told: list[int] = []
    with serving(behaviour) as address:
        wanted = Wanted(address, size, most_bytes=2_000_000)
        with pytest.raises(InputError, match=r"refused and removed, because it is over [23],000,000 bytes"):
            download(wanted, tmp_path / "x.bin", lambda done, _: told.append(done))
    assert names(tmp_path) == []
    assert max(told) <= wanted.bound_bytes


def test_a_body_without_length_ends_where_the_publisher_says(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT, says_length=False)) as address:
        assert download(Wanted(address), tmp_path / "x.bin") == DIGEST
        with pytest.raises(InputError, match="1,000,000 of 1,000,001 bytes"):
            download(Wanted(address, 1_000_001), tmp_path / "y.bin")


def test_a_file_over_the_bound_or_the_disk_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT, announced=1 << 58)) as address:
        with pytest.raises(InputError, match="are over 68,719,476,736"):
            download(Wanted(address), tmp_path / "x.bin")
        with pytest.raises(OutputError, match=r"bytes are needed, and [\d,]+ are free"):
            download(Wanted(address, most_bytes=1 << 60), tmp_path / "x.bin")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "location", ["http://192.0.2.1/file.bin", "http://example.org/x", "ftp://127.0.0.1/x", "file:///etc/passwd"]
)
def test_a_redirection_to_plain_text_is_refused(location: str, tmp_path: Path) -> None:
    with serving(Behaviour(location=location)) as address, pytest.raises(UnreachableError):
        download(Wanted(address), tmp_path / "x.bin")
    assert names(tmp_path) == []


def test_a_redirection_on_this_machine_is_followed_and_a_circle_is_not(tmp_path: Path) -> None:
    circle = Behaviour()
    with serving(Behaviour(CONTENT)) as real, serving(Behaviour(location=real)) as address:
        assert download(Wanted(address), tmp_path / "x.bin") == DIGEST
    with serving(circle) as address:
        circle.location = address
        with pytest.raises(UnreachableError, match="302"):
            download(Wanted(address), tmp_path / "y.bin")
    assert len(circle.requested) <= 6


@pytest.mark.parametrize("address", ["http://192.0.2.1/x", "http://localhost.example/x", "file:///etc/passwd", "x"])
def test_an_address_in_plain_text_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="refused, because it is not https"):
        download(Wanted(address), tmp_path / "x.bin")


def test_a_web_page_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with (
        serving(Behaviour(b"<html>log in</html>", kind="text/html; charset=utf-8")) as address,
        pytest.raises(UnreachableError, match="sends a web page in the place of the file"),
    ):
        download(Wanted(address), tmp_path / "x.csv")
    assert names(tmp_path) == []


def test_what_the_server_refuses_and_a_server_that_is_not_there_are_sentences(tmp_path: Path) -> None:
    with serving(Behaviour(status=599)) as address, pytest.raises(UnreachableError, match=r"the server answers 599$"):
        download(Wanted(address), tmp_path / "x.bin")
    with serving(Behaviour(status=404)) as address, pytest.raises(UnreachableError, match="answers 404 Not Found"):
        download(Wanted(address), tmp_path / "x.bin")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/x"
        with pytest.raises(UnreachableError, match="refused"):
            download(Wanted(address), tmp_path / "x.bin")


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT)) as address, pytest.raises(OutputError, match="cannot be written"):
        download(Wanted(address), tmp_path / "absent" / "x.bin")


def test_an_interrupted_transfer_leaves_its_part_and_goes_on(tmp_path: Path) -> None:
    def interrupt(done: int, _: int | None) -> None:
        if done > HALF:
            raise KeyboardInterrupt

    target, behaviour = tmp_path / "x.bin", Behaviour(CONTENT)
    with serving(behaviour) as address:
        with pytest.raises(KeyboardInterrupt):
            download(Wanted(address), target, interrupt)
        assert names(tmp_path) == ["x.bin.part", "x.bin.part.json"]
        assert download(Wanted(address), target) == DIGEST
    assert behaviour.requested[1] is not None
