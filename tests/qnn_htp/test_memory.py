from __future__ import annotations

import os
from pathlib import Path

import pytest
from zif import Verdict
from zif_qnn_htp import memory
from zif_qnn_htp.chips import Chip
from zif_qnn_htp.verdicts import Probed

ANSWER = Probed(
    {"a": Verdict(True, "probed"), "b": Verdict(False, "probed", "op", "QNN has no operator for B")}, ("n",)
)


def test_what_is_kept_comes_back_equal() -> None:
    memory.keep("k", ANSWER)
    assert memory.recall("k") == ANSWER


def test_unknown_key_is_none() -> None:
    assert memory.recall("nothing") is None


def test_key_depends_on_model_toolchain_and_chip() -> None:
    one, other = Chip("c", 57, 75, fp16=True), Chip("c", 69, 79, fp16=True)
    keys = {
        memory.key("m", "t", one),
        memory.key("m2", "t", one),
        memory.key("m", "t2", one),
        memory.key("m", "t", other),
    }
    assert len(keys) == 4
    assert memory.key("m", "t", one) in keys


def test_oldest_answers_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LIMIT", 2)
    for number in range(4):
        memory.keep(f"k{number}", ANSWER)
        os.utime(memory.folder() / f"k{number}.json", (number, number))
    assert [memory.recall(f"k{number}") is not None for number in range(4)] == [False, False, True, True]


def test_nothing_half_written_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        memory.keep("k", ANSWER)
    assert list(memory.folder().iterdir()) == []


def test_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(memory, "folder", lambda: tmp_path / "file" / "sub")
    memory.keep("k", ANSWER)
    assert memory.recall("k") is None
