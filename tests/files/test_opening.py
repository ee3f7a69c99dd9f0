"""Opening: plain files only, never a wait for a pipe, never through a link that a document names."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from zif.errors import InvalidBundle, InvalidInput, UsageError
from zif.files import opening
from zif.files.limits import TEXT
from zif.files.opening import create_inside, is_plain, open_inside, open_plain, read_bytes, remove_inside

posix = pytest.mark.skipif(os.name != "posix", reason="pipes and links as POSIX has them")


@pytest.fixture(params=["by folder", "by looking"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of staying inside: with folders held open, and the one for systems that cannot."""
    if request.param == "by looking":
        monkeypatch.setattr(opening, "_BY_FOLDER", False)


def test_a_plain_file_opens(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    assert read_bytes(tmp_path / "a", TEXT) == b"text"
    (tmp_path / "link").symlink_to("a")  # the caller's own path may be a link
    assert read_bytes(tmp_path / "link", TEXT) == b"text"
    assert is_plain(tmp_path / "link")


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder, not a file"):
        open_plain(tmp_path)
    with pytest.raises(UsageError, match="there is no such file"):
        open_plain(tmp_path / "none", UsageError)
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_plain(tmp_path / ("a" * 5000))
    with pytest.raises(InvalidInput, match="no file can have this name"):
        open_plain("a\0b")
    assert not is_plain(tmp_path)
    assert not is_plain("a\0b")
    assert not is_plain("a" * 5000)


@posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="is a pipe"):
        open_plain(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="is a device"):
        open_plain("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)  # a socket's path is short
        server.bind("socket")
        with pytest.raises(InvalidInput, match="is a socket"):
            open_plain(tmp_path / "socket")


@posix
def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed between the look and the opening."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    seen = os.stat(tmp_path / "file")
    monkeypatch.setattr(opening.os, "stat", lambda *_, **__: seen)
    with pytest.raises(InvalidInput, match="is a pipe"):
        open_plain(tmp_path / "pipe")


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(2048))
    monkeypatch.setenv("ZIF_MAX_TEXT", "1K")
    with pytest.raises(InvalidInput, match=r"is 2 KiB, more than the 1 KiB that zif takes: set ZIF_MAX_TEXT"):
        read_bytes(tmp_path / "a", TEXT)
    monkeypatch.setenv("ZIF_MAX_TEXT", "2K")
    assert len(read_bytes(tmp_path / "a", TEXT)) == 2048
    monkeypatch.setenv("ZIF_MAX_TEXT", "much")
    with pytest.raises(UsageError, match="ZIF_MAX_TEXT='much' is no size"):
        read_bytes(tmp_path / "a", TEXT)


@pytest.mark.usefixtures("way")
def test_files_inside(tmp_path: Path) -> None:
    with create_inside(tmp_path, "a/b/c.bin", InvalidBundle) as stream:
        stream.write(b"data")
    with open_inside(tmp_path, "a/b/c.bin", InvalidBundle) as stream:
        assert stream.read() == b"data"
    with pytest.raises(InvalidBundle, match="cannot be written: File exists"):
        create_inside(tmp_path, "a/b/c.bin", InvalidBundle)
    with pytest.raises(InvalidBundle, match="is a folder"):
        open_inside(tmp_path, "a/b", InvalidBundle)
    with pytest.raises(InvalidBundle, match="no such file"):
        open_inside(tmp_path, "a/none", InvalidBundle)
    with pytest.raises(InvalidBundle, match="no plain relative file name"):
        open_inside(tmp_path, "../a", InvalidBundle)


@posix
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["link", "folder/file", "folder/new", "dangling"])
def test_links_inside_lead_nowhere(tmp_path: Path, name: str) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "file").write_bytes(b"secret")
    (inside / "link").symlink_to(outside / "file")
    (inside / "folder").symlink_to(outside)
    (inside / "dangling").symlink_to(outside / "made")
    with pytest.raises(InvalidBundle):
        open_inside(inside, name, InvalidBundle)
    with pytest.raises(InvalidBundle):
        create_inside(inside, name, InvalidBundle)
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_bytes() == b"secret"


@posix
@pytest.mark.usefixtures("way")
def test_a_pipe_inside_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidBundle, match="is a pipe"):
        open_inside(tmp_path, "pipe", InvalidBundle)


@posix
def test_nothing_stays_open(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for name in ("a/b", "pipe", "a", "none/b"):
        try:
            open_inside(tmp_path, name).close()
        except InvalidInput:
            continue
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    assert after == before


@posix
@pytest.mark.usefixtures("way")
def test_deleting_goes_through_no_link_and_takes_plain_files_only(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("the user's")
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    for name in ("a", "in/a"):
        (root / name).write_text("ours")
        remove_inside(root, name)
        assert not (root / name).exists()
    remove_inside(root, "none")
    remove_inside(root, "none/a")
    (root / "link").symlink_to(outside)
    (root / "b").symlink_to(outside / "a")
    os.mkfifo(root / "pipe")
    for name, why in (
        ("link/a", "link"),
        ("b", "is a link"),
        ("pipe", "is a pipe"),
        ("in", "is a folder"),
        ("../outside/a", "no plain"),
    ):
        with pytest.raises(InvalidInput, match=why):
            remove_inside(root, name)
    assert (outside / "a").read_text() == "the user's"
    assert sorted(os.listdir(root)) == ["b", "in", "link", "pipe"]
