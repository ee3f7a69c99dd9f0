"""What `zif quantize`, `compare`, `eval` and `encodings` print holds against their schemas, and leaves nothing out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from schemas.test_schemas import check
from transformer import sentences, transformer
from typer.testing import CliRunner
from zif.cli.app import application

JUDGE = "def one(session):\n    return 1.0\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    onnx.save(transformer(), tmp_path / "net.onnx")
    np.savez(tmp_path / "data.npz", x=np.stack([sample["x"] for sample in sentences(6)]))
    (tmp_path / "judge.py").write_text(JUDGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(*arguments: str, code: int = 0) -> Any:
    found = CliRunner().invoke(application(), [*arguments, "--json"])
    assert found.exit_code == code, found.output
    return json.loads(found.stdout)


@pytest.mark.usefixtures("folder")
def test_quantization_holds() -> None:
    data = ("net.onnx", "-c", "data.npz")
    check(document("quantize", *data, "-o", "q.onnx", "--target", "snapdragon-8-gen-3", "--method", "minmax"))
    goal = ("--accuracy-goal", "SQNR=500", "--method", "minmax", "--max-candidates", "4")
    check(document("quantize", *data, "-o", "m.onnx", *goal))
    check(document("quantize", *data, "-o", "w.onnx", "--accuracy-goal", "metric=2", "--eval", "judge.py:one", code=1))
    check(document("quantize", "net.onnx", "-o", "a.onnx", "--encodings", "q.encodings.json"))
    both = document("compare", "net.onnx@qnn_cpu", "q.onnx@qnn_cpu", "-c", "data.npz", "--eval", "judge.py:one")
    check(both)
    assert both["tensors"]
    same = document("compare", "net.onnx@qnn_cpu", "net.onnx@qnn_cpu", "-c", "data.npz", "--outputs-only")
    check(same)
    assert same["outputs"][0]["exact"]
    assert same["sqnr_db"] is None
    check(document("eval", "q.onnx", "--eval", "judge.py:one", "--goal", "2", code=1))
    check(document("encodings", "show", "q.onnx"))
    check(document("encodings", "check", "q.encodings.json", "net.onnx"))
    Path("wrong.json").write_text(json.dumps({"activation_encodings": {"x": [{"bitwidth": 3}]}, "param_encodings": {}}))
    check(document("encodings", "check", "wrong.json", code=1))
