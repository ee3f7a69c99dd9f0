"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest
from zif.files.writing import drafted, write_whole


@pytest.mark.parametrize("content", ["größer", "größer".encode(), lambda stream: stream.write("größer".encode())])
@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_made_or_replaced(tmp_path: Path, content: object, durable: bool) -> None:
    path = tmp_path / "file"
    for _ in range(2):
        write_whole(path, content, durable=durable)  # type: ignore[arg-type]
        assert path.read_text(encoding="utf-8") == "größer"
    assert os.listdir(tmp_path) == ["file"]


def test_what_fails_halfway_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def half(stream: BinaryIO) -> None:
        stream.write(b"new")
        stream.flush()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, half)
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["file"])


def test_what_cannot_take_the_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_whole(tmp_path / "folder", "text")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("kept")
    (tmp_path / "link").symlink_to("other")
    write_whole(tmp_path / "link", "new")
    assert not (tmp_path / "link").is_symlink()
    assert ((tmp_path / "other").read_text(), (tmp_path / "link").read_text()) == ("kept", "new")


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
def test_the_mask_of_the_process_holds(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_long_name_has_room_for_its_draft(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_whole(path, "text")
    assert path.read_text() == "text"


def test_a_draft_of_a_folder_goes_when_it_is_not_finished(tmp_path: Path) -> None:
    def interrupted() -> None:
        with drafted(tmp_path / "draft") as draft:
            (draft / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == []
    with drafted(tmp_path / "draft") as draft:
        draft.rename(tmp_path / "whole")
    assert os.listdir(tmp_path) == ["whole"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path) -> None:
    """Run as root, replacing one would take /dev/null away from everybody."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="not replaced by a file"):
        write_whole(path, b"x")
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]
