from __future__ import annotations

import os
from pathlib import Path

import pytest
from zif import Verdict
from zif_qnn_runtime import Memory, Probed
from zif_qnn_runtime import memory as store

ANSWER = Probed(
    {"a": Verdict(True, "probed"), "b": Verdict(False, "probed", "op", "QNN has no operator for B")}, ("n",)
)


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setattr(store, "root", lambda: tmp_path / "answers")
    return Memory("qnn_any", "zif-qnn-any")


def test_what_is_kept_comes_back_equal(memory: Memory) -> None:
    memory.keep("k", ANSWER)
    assert memory.recall("k") == ANSWER


def test_unknown_key_is_none(memory: Memory) -> None:
    assert memory.recall("nothing") is None


def test_key_depends_on_model_toolchain_and_chip(memory: Memory) -> None:
    one, other = (57, 75), (69, 79)
    keys = {
        memory.key("m", "t", one),
        memory.key("m2", "t", one),
        memory.key("m", "t2", one),
        memory.key("m", "t", other),
    }
    assert len(keys) == 4
    assert memory.key("m", "t", one) in keys


def test_oldest_answers_go(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIMIT", 2)
    names = [str(number) * 64 for number in range(4)]
    for number, name in enumerate(names):
        memory.keep(name, ANSWER)
        os.utime(memory.folder / f"{name}.json", (number, number))
        (memory.folder / f"notes-{number}.json").write_text("the user's")
    assert [memory.recall(name) is not None for name in names] == [False, False, True, True]
    assert len(list(memory.folder.glob("notes-*.json"))) == 4


def test_nothing_half_written_stays_behind(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        memory.keep("k", ANSWER)
    assert list(memory.folder.iterdir()) == []


def test_folder_that_cannot_be_written_is_no_error(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(store, "root", lambda: tmp_path / "file" / "sub")
    memory.keep("k", ANSWER)
    assert memory.recall("k") is None


def test_answers_are_where_zifs_cache_is_and_nowhere_when_that_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Memory("somebody", "zif-qnn-runtime")
    monkeypatch.setenv("ZIF_CACHE", str(tmp_path))
    assert one.folder == tmp_path / "somebody" / "verdicts"
    monkeypatch.setenv("ZIF_CACHE", "off")
    one.keep("k", ANSWER)
    assert (one.folder, one.recall("k")) == (None, None)
