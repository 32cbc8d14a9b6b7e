"""The folder of data sets, and the catalogue that fills it."""

from __future__ import annotations

import hashlib
import re
import tarfile
import urllib.parse
import zipfile
from pathlib import Path

import pytest

from netsift.errors import InputError, OutputError, UsageError
from netsift.sources import collection
from netsift.sources.catalogue import CATALOGUE, DataFile, DataSet
from netsift.sources.collection import State, Verdict
from tests.sources.web import Behaviour, serving

NSL_ROW = ",".join(["0", "tcp", "http", "SF", *["1"] * 37, "normal", "21"])
CONTENT = f"{NSL_ROW}\n{NSL_ROW}\n".encode()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def data_set(*files: DataFile) -> DataSet:
    """Return a data set of these files."""
    return DataSet("example", "Example", "Nobody", "https://example.org/", "free", "none", files, "ask for it")


def fetch(wanted: DataSet, folder: Path) -> list[Verdict]:
    """Fetch all files without a progress bar."""
    return list(collection.fetch(wanted, folder, wanted.files, lambda _: lambda _done, _total: None))


def states(wanted: DataSet, folder: Path) -> dict[str, State]:
    """Return the state of every file."""
    return {verdict.name: verdict.state for verdict in collection.verify(wanted, folder)}


def test_the_catalogue_names_only_safe_places() -> None:
    assert list(CATALOGUE) == [one.name for one in CATALOGUE.values()]
    for one in CATALOGUE.values():
        assert one.page.startswith("https://")
        assert one.files or one.by_hand
        assert len({file.name for file in one.files}) == len(one.files)
        for file in one.files:
            assert re.fullmatch(r"[A-Za-z0-9_.-]+", file.name)
            split = urllib.parse.urlsplit(file.address)
            assert (split.scheme, split.port, split.query, split.username) == ("https", None, "", None)


def test_names_that_are_not_there_are_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"ctu13 is none of the data sets: cic-ids2017, .*ctu-13"):
        collection.find("ctu13")
    found = collection.find("ctu-13")
    assert [file.name for file in collection.selected(found, ["*20110818*"])] == [
        "capture20110818.binetflow", "capture20110818-2.binetflow",
    ]  # fmt: skip
    assert collection.selected(found, []) == found.files
    with pytest.raises(UsageError, match="ctu-13 has no file x"):
        collection.selected(found, ["*", "x"])


def test_the_default_folder_follows_the_desktop_specification(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert collection.default_folder() == tmp_path / "netsift" / "data"
    monkeypatch.setenv("HOME", str(tmp_path))
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", ignored)
        assert collection.default_folder() == tmp_path / ".local" / "share" / "netsift" / "data"


def test_a_fetched_file_is_remembered_by_its_sum_and_damage_shows_later(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as address:
        wanted = data_set(DataFile("x.txt", address))
        assert f"SHA-256 {DIGEST}" in fetch(wanted, tmp_path)[0].sentence
        assert fetch(wanted, tmp_path)[0].sentence == "is there already"
        assert len(behaviour.requested) == 1
        assert (tmp_path / "example" / "SHA256SUMS").read_text() == f"{DIGEST}  x.txt\n"
        verdict = collection.verify(wanted, tmp_path)[0]
        assert verdict == Verdict("x.txt", State.GOOD, "NSL-KDD connections (43 columns); SHA-256 as fetched")
        (tmp_path / "example" / "x.txt").write_bytes(CONTENT.replace(b"normal", b"attack"))
        assert states(wanted, tmp_path) == {"x.txt": State.WRONG}
        fetch(wanted, tmp_path)
        assert states(wanted, tmp_path) == {"x.txt": State.GOOD}


def test_published_size_and_sum_come_before_what_was_fetched(tmp_path: Path) -> None:
    place = tmp_path / "example"
    place.mkdir()
    (place / "x.txt").write_bytes(CONTENT)
    (place / "SHA256SUMS").write_text(f"{DIGEST}  x.txt\n")
    for file, said in (
        (DataFile("x.txt", "", len(CONTENT), DIGEST), "as published"),
        (DataFile("x.txt", "", len(CONTENT)), "as fetched"),
        (DataFile("x.txt", "", None, "0" * 64), "the publisher says 0000"),
        (DataFile("x.txt", "", 7), f"{len(CONTENT):,} bytes, and the publisher says 7"),
    ):
        verdict = collection.verify(data_set(file), tmp_path)[0]
        assert said in verdict.sentence
        assert verdict.state is (State.GOOD if said.startswith("as") else State.WRONG)
    (place / "SHA256SUMS").unlink()
    assert "size as published" in collection.verify(data_set(DataFile("x.txt", "", len(CONTENT))), tmp_path)[0].sentence


def test_every_kind_of_file_in_the_folder_gets_its_verdict(tmp_path: Path) -> None:
    place = tmp_path / "example"
    (place / "below").mkdir(parents=True)
    (place / "below" / "good.txt").write_bytes(CONTENT)
    (place / "listed.txt").write_text("<html>log in</html>\n")
    (place / "README").write_text("read me\n")
    (place / "half.csv.part").write_bytes(b"x")
    (place / "half.csv.part.json").write_text("{}")
    with zipfile.ZipFile(place / "two.zip", "w") as archive:
        archive.writestr("a.csv", "a")
        archive.writestr("b.csv", "b")
    with tarfile.open(place / "more.tar.gz", "w:gz") as archive_of_tar:
        archive_of_tar.add(place / "README", "../../README")
    (place / "broken.zip").write_bytes(b"PK\x03\x04broken")
    wanted = data_set(DataFile("listed.txt", ""), DataFile("half.csv", ""), DataFile("absent.csv", "https://x/absent"))
    assert states(wanted, tmp_path) == {
        "README": State.UNKNOWN,
        "below/good.txt": State.GOOD,
        "broken.zip": State.WRONG,
        "half.csv.part": State.PARTIAL,
        "listed.txt": State.WRONG,
        "more.tar.gz": State.ARCHIVE,
        "two.zip": State.ARCHIVE,
        "absent.csv": State.MISSING,
    }
    assert not (tmp_path / "README").exists()


def test_a_header_without_rows_that_can_be_read_is_wrong(tmp_path: Path) -> None:
    place = tmp_path / "example"
    place.mkdir()
    (place / "x.csv").write_text("dur,proto,spkts,dpkts,sbytes,dbytes,sinpkt,tcprtt,label\n" + "word," * 8 + "1\n")
    verdict = collection.verify(data_set(), tmp_path)[0]
    assert (verdict.state, "no row can be read" in verdict.sentence) == (State.WRONG, True)


def test_an_empty_folder_says_what_to_do_by_hand(tmp_path: Path) -> None:
    expected = (
        rf"open https://example.org/, ask for it, put the files into {tmp_path}/example, "
        "then run netsift data verify example"
    )
    with pytest.raises(InputError, match=expected):
        collection.verify(data_set(), tmp_path)
    with pytest.raises(InputError, match=f"example cannot be fetched: {expected}"):
        fetch(data_set(), tmp_path)


def test_without_a_network_the_sentence_says_what_to_do_by_hand(tmp_path: Path) -> None:
    # The last address of a name that no resolver knows (RFC 6761, section 6.4).
    wanted = data_set(DataFile("x.txt", "https://netsift.invalid/x.txt"))
    with pytest.raises(
        InputError,
        match=rf"open https://example.org/, download x.txt, put the files into {tmp_path}/example, then run",
    ):
        fetch(wanted, tmp_path)
    assert list((tmp_path / "example").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "example").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        fetch(data_set(DataFile("x.txt", "https://netsift.invalid/x.txt")), tmp_path)
