"""`zif culprit`: the smallest piece that is wrong, as a case that its vendor can run without zif."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from broken import BREAKING, JUDGE, save
from fakes import GOOD, Site
from onnx.reference import ReferenceEvaluator

ALONE = "node.op_type == 'Neg'"
BEHIND = "node.op_type == 'Tanh' and before is not None and before.op_type == 'MatMul'"


def site_of(tmp_path: Path, broken: str) -> Site:
    site = Site(tmp_path / "site")
    site.add("npu", GOOD + BREAKING, BROKEN=broken, COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    return site


@pytest.mark.parametrize(
    ("broken", "unit", "window"), [(ALONE, "n", ["n"]), (BEHIND, "t", ["m", "t"])], ids=["alone", "in company"]
)
def test_a_case_is_whole_and_minimal(tmp_path: Path, broken: str, unit: str, window: list[str]) -> None:
    site, path, folder = site_of(tmp_path, broken), save(tmp_path / "m.onnx"), tmp_path / "cases"
    told = site.zif("culprit", path, "-o", folder, "--json")
    assert told.code == 1, told.err
    (row,) = told.json["cases"]
    assert (row["backend"], row["unit"], row["window"]) == ("npu", unit, window)
    place = Path(row["folder"])
    model = onnx.load(place / "model.onnx")
    assert [node.name for node in model.graph.node] == window
    inputs, right, wrong = (dict(np.load(place / f"{name}.npz")) for name in ("inputs", "right", "wrong"))
    made = ReferenceEvaluator(model).run(None, inputs)
    np.testing.assert_allclose(made[0], next(iter(right.values())), rtol=1e-5)
    np.testing.assert_allclose(next(iter(wrong.values())), next(iter(right.values())) * 1.01, rtol=1e-4)
    about = json.loads((place / "case.json").read_text())
    assert about["schema"] == "zif.case/1"
    assert set(about["versions"]) == {"npu", "judge"}
    assert "zif run model.onnx -i inputs.npz" in (place / "README.md").read_text()


def test_it_is_found_though_the_plan_knows_of_it(tmp_path: Path) -> None:
    site, path = site_of(tmp_path, ALONE), save(tmp_path / "m.onnx")
    site.zif("compile", path, "-o", tmp_path / "b.zif")
    assert site.zif("verify", path).code == 0
    told = site.zif("culprit", path)
    assert told.code == 1
    assert "1 wrong beside judge" in told.out


def test_nothing_wrong_is_nothing_written(tmp_path: Path) -> None:
    site, path = site_of(tmp_path, "False"), save(tmp_path / "m.onnx")
    told = site.zif("culprit", path, "-o", tmp_path / "cases")
    assert told.code == 0
    assert "nothing is wrong" in told.out
    assert not (tmp_path / "cases").exists()


def test_any_backend_can_be_the_judge(tmp_path: Path) -> None:
    """Two versions of one engine, say: the broken one is called right, and the other one is wrong beside it."""
    site, path = site_of(tmp_path, ALONE), save(tmp_path / "m.onnx")
    told = site.zif("culprit", path, "--pin", "*=judge", "--judge", "npu", "--json")
    assert told.code == 1
    assert told.json["judge"] == ["npu"]
    assert [(row["backend"], row["unit"]) for row in told.json["cases"]] == [("judge", "n")]


@pytest.mark.parametrize(
    "words", [["--judge", "nobody"], ["-o", "."], ["--samples", "nowhere"], ["--preprocess", "scale=1"], ["-t", "no"]]
)
def test_wrong_words_are_exit_2(tmp_path: Path, words: list[str]) -> None:
    site, path = site_of(tmp_path, ALONE), save(tmp_path / "m.onnx")
    told = site.zif("culprit", path, *words)
    assert told.code == 2
    assert "Traceback" not in told.err
