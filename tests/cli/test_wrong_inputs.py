"""Wrong inputs of a newcomer, and for each the word that sends them on; what is merely not used is a note."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from small import classifier
from zif.cli import run

ENTRY = {"bitwidth": 8, "min": -1.0, "max": 1.0}

#: The command, its exit code, and what its stderr says: the thing that is wrong, and the word that helps.
WRONG: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("plan nomodel.onnx", 2, ("nomodel.onnx does not exist", "Check the path")),
    ("plan net.onnx -t snapdragon-8-gen-4", 2, ("snapdragon-8-gen-4", "Did you mean snapdragon-8-gen-3")),
    ("plan net.onnx --only qnn_hpt", 2, ("'qnn_hpt'", "Did you mean 'qnn_htp'?")),
    ("plan net.onnx --exclude qnn_cpu,reference", 1, ("no backend takes part", "--emulate")),
    ("plan net.onnx --pin Conv_1=qnn_cpu", 2, ("Conv_1", "zif plan --all-units")),
    ("plan net.onnx --strict --pin sm=reference", 1, ("sm:", "pinned to reference (--pin)")),
    ("plan net.onnx --policy fast", 2, ("'fast'", "known: balanced, performance, power, memory")),
    ("plan net.onnx --memory-limit lots", 2, ("'lots'", "64M")),
    ("plan net.onnx --shape x=0,4", 2, ("x=0,4", "write the size")),
    ("plan net.onnx --shape x=2,4", 2, ("fixed to 1, not 2", "leave it out")),
    ("plan net.onnx --overlay a.json --overlay b.onnx", 2, ("--overlay is given twice", "give it once")),
    ("plan net.onnx --config twice.json", 2, ("'num_threads' stands twice", "line 1, column")),
    ("plan net.onnx --config twice.toml", 2, ("twice.toml", "line 3")),
    ("plan net.onnx --config text.json", 2, ("num_threads takes a whole number", "without quotes")),
    ("plan net.onnx --config misspelt.json", 2, ("'cpu_cofnig'", "Did you mean 'cpu_config'?")),
    ("plan net.onnx -t snapdragon-8-gen-3 --config vtcm.json", 2, ("cannot be 64", "has 8 megabytes")),
    ("plan net.onnx --custom-ops ops.so", 2, ("ops.so is not there", "name the .so")),
    ("run net.onnx", 2, ("no value for input 'x' (float32 [1, 4])", "--random SEED")),
    ("run net.onnx -i three.npy", 2, ("'x' has shape [1, 3]", "it takes float32 [1, 4]", "Next: mend")),
    ("run net.onnx -i y=four.npy", 2, ("no input 'y'", "It takes 'x'")),
    ("run net.onnx -i no.png", 2, ("no.png is no picture", "PNG, JPEG")),
    ("compile net.onnx", 2, ("'--output'", "zif compile --help")),
    ("eval net.onnx --eval judge.py:top5", 2, ("judge.py has no function 'top5'",)),
    ("encodings check empty.json net.onnx", 2, ("empty.json has no encodings", "expected activation_encodings")),
    ("frobnicate net.onnx", 2, ("'frobnicate'", "zif --help")),
)

#: What is done all the same, and the note that says what was not used.
NOTED: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("run net.onnx -i other.npz", 0, ("'photo'", "taken for the input 'x'")),
    ("run net.onnx -i x=two.npz", 0, ("'photo' is not used",)),
    ("run net.onnx --input-list outputs.txt", 0, ("'#relu1' chooses outputs", "not used")),
    ("run net.onnx --input-list percent.txt", 0, ("'%relu1' chooses outputs", "not used")),
    ("encodings check section.json net.onnx", 1, ("'activation_encodngs'", "Did you mean 'activation_encodings'?")),
    ("encodings check key.json net.onnx", 0, ("'isSymetric'", "Did you mean 'is_symmetric'?")),
)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    classifier(tmp_path / "net.onnx")
    x = np.zeros((1, 4), np.float32)
    np.save("three.npy", x[:, :3])
    np.save("four.npy", x)
    np.savez("other.npz", photo=x)
    np.savez("two.npz", x=x, photo=x)
    x.tofile("x.raw")
    texts = {
        "twice.json": '{"qnn_cpu": {"num_threads": 1, "num_threads": 2}}',
        "twice.toml": "[qnn_cpu]\nnum_threads = 1\nnum_threads = 2\n",
        "text.json": '{"qnn_cpu": {"num_threads": "2"}}',
        "misspelt.json": '{"cpu_cofnig": {"num_threads": 2}}',
        "vtcm.json": '{"qnn_htp": {"vtcm_mb": 64}}',
        "no.png": "not a picture",
        "judge.py": "def top1(session):\n    return 1.0\n",
        "empty.json": "{}",
        "outputs.txt": "#relu1\nx.raw\n",
        "percent.txt": "%relu1\nx.raw\n",
        "section.json": json.dumps({"activation_encodngs": {"r": [ENTRY]}, "param_encodings": {}}),
        "key.json": json.dumps({"activation_encodings": {"r": [{**ENTRY, "isSymetric": "True"}]}}),
    }
    for name, text in texts.items():
        Path(name).write_text(text)


@pytest.mark.parametrize(("command", "code", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_it_is_refused_with_the_word_that_helps(
    command: str, code: int, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command.split()) == code
    said = capsys.readouterr().err
    assert "bug in zif" not in said
    assert "Traceback" not in said
    assert [word for word in words if word not in said] == [], said


def test_the_kit_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pytest" else find(name))
    assert run(["check", "reference"]) == 2
    said = capsys.readouterr().err
    assert re.search(r"needs pytest: pip install '.*pytest<10,>=9'", said)
    assert "bug in zif" not in said


@pytest.mark.parametrize(("command", "code", "words"), NOTED, ids=[row[0] for row in NOTED])
def test_it_is_done_and_told(
    command: str, code: int, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command.split()) == code  # 1: no entry is left to check
    said = capsys.readouterr().err
    assert [word for word in words if word not in said] == [], said
    assert len(re.findall(re.escape(words[0]), said)) == 1  # once, however often the file is read
