"""What an engine opens by path lies in a private folder, under names that core has looked at."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest
from zif import BackendUnavailable, Compiled, InvalidBundle
from zif.backends import laying_out
from zif.plugin import laid_out


def artifact(**files: bytes | Path) -> Compiled:
    return Compiled("x", {name.replace("__", "/"): content for name, content in files.items()}, "m", (), ())


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def test_files_lie_under_their_names_and_are_gone_afterwards(tmp_path: Path, place: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"on disk")
    with laid_out(artifact(m=b"main", deep__er__x=b"x", w=tmp_path / "elsewhere")) as folder:
        assert folder.parent == place
        assert (folder / "m").read_bytes() == b"main"
        assert (folder / "deep/er/x").read_bytes() == b"x"
        assert (folder / "w").read_bytes() == b"on disk"
        assert os.name != "posix" or stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(place.iterdir()) == []
    assert (tmp_path / "elsewhere").exists()


def test_only_what_is_asked_for(place: Path) -> None:
    with laid_out(artifact(m=b"main", x=b"x"), ["x"]) as folder:
        assert os.listdir(folder) == ["x"]
    with (
        pytest.raises(InvalidBundle, match="lacks its file 'y'"),
        laid_out(artifact(m=b"main"), ["m", "y"]),
    ):
        pytest.fail("laid out")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", "C:x", "NUL", "", "x\0"])
def test_a_name_that_leaves_is_refused_and_nothing_is_written(tmp_path: Path, place: Path, name: str) -> None:
    compiled = Compiled("x", {"m": b"main", name: b"evil"}, "m", (), ())
    with pytest.raises(InvalidBundle, match="no plain relative file name"), laid_out(compiled):
        pytest.fail("laid out")
    assert list(place.iterdir()) == []
    assert sorted(os.listdir(tmp_path)) == ["tmp"]


@pytest.mark.parametrize("follows_links", [False, True])
def test_a_large_file_is_linked_for_engines_that_follow_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follows_links: bool
) -> None:
    """What a plugin writes into its folder must not reach the bundle; binaries of many megabytes are worth a link."""
    monkeypatch.setattr(laying_out, "LINKED", 100)
    (tmp_path / "large").write_bytes(b"x" * 100)
    (tmp_path / "small").write_bytes(b"x" * 99)
    before = (tmp_path / "large").stat()
    files = artifact(sub__large=tmp_path / "large", small=tmp_path / "small", m=b"main")
    with laid_out(files, follows_links=follows_links) as folder:
        assert (folder / "sub/large").is_symlink() == follows_links
        assert (folder / "sub/large").read_bytes() == b"x" * 100
        assert not (folder / "small").is_symlink()
    after = (tmp_path / "large").stat()
    assert (after.st_ctime_ns, after.st_mtime_ns, after.st_size) == (before.st_ctime_ns, before.st_mtime_ns, 100)


def test_where_links_cannot_be_made_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(laying_out, "LINKED", 1)
    monkeypatch.setattr(os, "symlink", cannot)
    (tmp_path / "w").write_bytes(b"weights")
    with laid_out(artifact(sub__w=tmp_path / "w"), follows_links=True) as folder:
        assert (folder / "sub/w").read_bytes() == b"weights"
        assert not (folder / "sub/w").is_symlink()


def test_a_full_disk_is_the_machines_fault(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(laying_out, "_copy", full)
    with (
        pytest.raises(BackendUnavailable, match=r"No space left on device\. Free some space"),
        laid_out(artifact(m=b"x")),
    ):
        pytest.fail("laid out")
    assert list(place.iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", str(place / "none"))
    with pytest.raises(BackendUnavailable, match="name another folder in TMPDIR"), laid_out(artifact(m=b"x")):
        pytest.fail("laid out")
