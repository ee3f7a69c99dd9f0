"""docs/matrix.md: how it comes of the kit's outcomes, and who is on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.matrix import main

ROOT = Path(__file__).resolve().parents[2]
ABOUT = {"distribution": "zif-one", "version": "1.0", "toolchain": "engine 1", "kind": "hardware", "available": True}


def outcome(folder: Path, schema: str = "zif.check/1") -> Path:
    ending = {"operator": "Relu", "outcome": "right", "dtype": "float32"}
    record = {"schema": schema, "backend": "one", "target": "host", **ABOUT, "reason": "", "tests": {}}
    path = folder / "one.json"
    path.write_text(json.dumps({**record, "observed": [ending]}))
    return path


def test_outcomes_become_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(outcome(tmp_path)), "--commit", "0123456"]) == 0
    text = capsys.readouterr().out
    assert "| Relu | ✓ 1/1 |" in text
    assert text.endswith("\nFigures: `make check matrix`, at 0123456.\n")


def test_a_backend_that_was_sampled_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, some = outcome(tmp_path), tmp_path / "some.json"
    record = json.loads(whole.read_text())
    some.write_text(json.dumps({**record, "backend": "some", "sample": 2}))
    assert main([str(whole), str(some), "--commit", "0123456"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("- ")]
    assert ["at most 2 of each operator" in line for line in lines] == [False, True]


def test_another_file_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(outcome(tmp_path, "zif.plan/1"))]) == 2
    assert "one.json is no outcome of `zif check`" in capsys.readouterr().err


def test_first_party_backends_are_on_the_page() -> None:
    page = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8")
    for name in ("reference", "qnn_cpu", "qnn_gpu, snapdragon-8-gen-3", "qnn_htp, snapdragon-8-gen-3"):
        assert f"- {name}: zif-" in page
