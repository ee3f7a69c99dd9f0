"""`zif drift`: two environments, what was kept, and what counts as worse."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environments import taken_in
from fakes import COMPILING, Site
from jsonschema import Draft202012Validator
from small import classifier
from zif import schemas
from zif.evaluation.drift import ModelDrift, OutputDrift
from zif.evaluation.drift.compare import _further, _worse
from zif.evaluation.drift.reading import Reading, pack, unpacked
from zif.runtime.measures import Figures

#: Answers with a share more than it should.
OFF = """

_load = load

@hookimpl
def load(compiled):
    made = _load(compiled)
    run = made.run
    made.run = lambda inputs: {name: value * (1 + float(OFF)) for name, value in run(inputs).items()}
    return made
"""
LARGE = COMPILING.replace('b"made by a fake"', "bytes(20_000)")
#: Saves the trial of every plugin in every process, which other tests are about.
QUICK = {"ZIF_IN_PROCESS": "all"}
REFUSES = COMPILING.replace("def compile(converted):", "def compile(converted):\n    raise zif.Unsupported('too new')")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def two(site: Site, tmp_path: Path) -> tuple[Site, Site]:
    """The plugins of two environments, `old` and `new`."""
    return Site(tmp_path / "old"), Site(tmp_path / "new")


def environments(site: Site, two: tuple[Site, Site]) -> None:
    for name, plugins in zip(("npu-1.0", "npu-1.1"), two, strict=True):
        taken_in(site, name, plugins)


def drifted(site: Site, model: Path, *more: str | Path) -> tuple[int, Any]:
    done = site.zif("drift", model, "--old", "env:npu-1.0", "--new", "env:npu-1.1", "--json", *more, **QUICK)
    assert done.code in (0, 1), done.err
    Draft202012Validator(schemas.schema("drift")).validate(done.json)
    return done.code, done.json


def test_the_same_toolchain_twice_has_nothing_to_tell(site: Site, two: tuple[Site, Site], model: Path) -> None:
    for plugins in two:
        plugins.add("npu", COMPILING)
    environments(site, two)
    code, told = drifted(site, model, "--exact")
    assert (code, told["moved"], told["worse"]) == (0, False, False)
    (one,) = told["models"]
    assert [row["same"] for row in one["outputs"]] == [True]
    assert one["outputs"][0]["values"] > 0
    assert one["plan"]["same"]
    assert {name: sizes["old"] == sizes["new"] > 0 for name, sizes in one["bytes"].items()} == {"npu": True}
    said = site.zif("drift", model, "--old", "env:npu-1.0", "--new", "env:npu-1.1", **QUICK)
    assert "nothing moved" in said.out


def test_a_newer_version_moves_and_is_not_worse(site: Site, two: tuple[Site, Site], model: Path) -> None:
    two[0].add("npu", COMPILING, TOOLCHAIN="tool 1")
    two[1].add("npu", COMPILING, TOOLCHAIN="tool 2", COST=4.0)
    environments(site, two)
    code, told = drifted(site, model)
    assert (code, told["moved"], told["worse"]) == (0, True, False)
    (change,) = told["models"][0]["plan"]["backends"]
    assert ("tool 1" in change["before"], "tool 2" in change["after"]) == (True, True)
    assert drifted(site, model, "--exact")[0] == 1


@pytest.mark.parametrize(
    ("source", "constants", "words"),
    [
        (COMPILING, {"OPS": frozenset({"MatMul", "Relu"})}, "npu no longer takes 1 unit"),
        pytest.param(COMPILING, {"COST": 50.0}, "latency", marks=pytest.mark.slow),
        pytest.param(LARGE, {}, "the artifacts of npu take", marks=pytest.mark.slow),
        pytest.param(COMPILING + OFF, {"OFF": 0.1}, "dB between old and new (40 dB asked)", marks=pytest.mark.slow),
        pytest.param(COMPILING + OFF, {"OFF": "nan"}, "finite on one side only", marks=pytest.mark.slow),
    ],
)
def test_what_is_worse_is_said_and_is_exit_code_1(
    site: Site, two: tuple[Site, Site], model: Path, source: str, constants: dict[str, Any], words: str
) -> None:
    for plugins in two:
        plugins.add("cpu")
    two[0].add("npu", COMPILING, COST=1.0)
    two[1].add("npu", source, **{"COST": 1.0, **constants})
    environments(site, two)
    code, told = drifted(site, model)
    assert (code, told["worse"]) == (1, True)
    assert any(words in text for text in told["models"][0]["worse"]), told["models"][0]["worse"]
    said = site.zif("drift", model, "--old", "env:npu-1.0", "--new", "env:npu-1.1", **QUICK)
    assert said.code == 1
    assert "worse: net: " in said.out
    back = site.zif("drift", model, "--old", "env:npu-1.1", "--new", "env:npu-1.0", "--json", **QUICK)
    still = [text for text in back.json["models"][0]["worse"] if words in text]
    assert bool(still) == ("OFF" in constants)  # nearer is as far: which of the two is right nobody says


@pytest.mark.slow
def test_how_much_is_forgiven_is_the_callers(site: Site, two: tuple[Site, Site], model: Path) -> None:
    two[0].add("npu", COMPILING)
    two[1].add("npu", COMPILING + OFF, OFF=0.1, COST=5.4)
    environments(site, two)
    assert drifted(site, model)[0] == 1
    assert drifted(site, model, "--min-sqnr", "15", "--threshold", "10%")[0] == 0
    assert drifted(site, model, "--min-sqnr", "15", "--threshold", "1%")[0] == 1


def test_a_model_that_is_not_built_any_more_is_worse(site: Site, two: tuple[Site, Site], model: Path) -> None:
    two[0].add("npu", COMPILING)
    two[1].add("npu", REFUSES)
    environments(site, two)
    code, told = drifted(site, model)
    assert code == 1
    assert "it is not built" in told["models"][0]["worse"][0]
    assert "too new" in told["models"][0]["failure"]["new"]


@pytest.mark.slow
def test_what_was_kept_is_held_against_today(site: Site, two: tuple[Site, Site], model: Path, tmp_path: Path) -> None:
    two[0].add("npu", COMPILING, COST=1.0)
    two[1].add("npu", COMPILING + OFF, OFF=0.1, COST=1.0)
    environments(site, two)
    kept = site.zif("drift", model, "--keep", tmp_path / "kept", "--new", "env:npu-1.0", "--json")
    assert kept.code == 0, kept.err
    assert kept.json["models"] == [{"model": "net", "sets": 3, "failure": ""}]
    for new, code in (("env:npu-1.0", 0), ("env:npu-1.1", 1)):
        done = site.zif("drift", model, "--old", tmp_path / "kept", "--new", new, "--json", **QUICK)
        assert done.code == code, done.err
        assert done.json["models"][0]["outputs"][0]["same"] == (code == 0)
    assert site.zif("drift", model, "--keep", tmp_path / "later", "--new", "env:npu-1.1").code == 0
    offline = site.zif("drift", "--old", tmp_path / "kept", "--new", tmp_path / "later", "--json")
    assert (offline.code, offline.json["models"][0]["outputs"][0]["same"]) == (1, False)
    again = site.zif("drift", model, "--keep", tmp_path / "kept", "--new", "env:npu-1.0")
    assert (again.code, "File exists" in again.err) == (2, True)


def test_plans_that_were_kept_tell_what_plans_tell(site: Site, model: Path, tmp_path: Path) -> None:
    site.add("npu", COMPILING, COST=1.0)
    plan = site.zif("plan", model, "--json", "--suggest", "0")
    (tmp_path / "plans.json").write_text(json.dumps([plan.json]))
    site.add("cpu", distribution="fake-cpu")
    done = site.zif("drift", model, "--old", tmp_path / "plans.json", "--json")
    assert done.code == 0, done.err
    (one,) = done.json["models"]
    assert one["outputs"] == []
    assert one["bytes"]["npu"]["old"] is None
    assert [row["backend"] for row in one["plan"]["backends"]] == ["cpu"]


def test_what_was_measured_here_tells_on_neither_side(site: Site, model: Path) -> None:
    site.add("npu", COMPILING)
    before = site.zif("drift", model, "--old", "here", "--json").json
    assert site.zif("profile", model, "--random", "0", "--runs", "3").code == 0
    assert site.zif("drift", model, "--old", "here", "--json").json == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give one of the two"),
        (["--old", "env:nobody"], "there is no environment 'nobody'"),
        (["--old", "nowhere"], "nowhere is neither here, nor env:NAME"),
        (["--old", "net.onnx"], "net.onnx is not text"),
        (["--old", "."], "has no drift.json"),
        (["--old", "here", "--threshold", "5"], "write a percentage"),
        (["--old", "plan.json"], "is another model in plan.json"),
        (["--old", "other.json"], "have no model in common"),
    ],
)
def test_what_is_wrong_in_the_call(site: Site, model: Path, tmp_path: Path, words: list[str], said: str) -> None:
    site.add("npu", COMPILING)
    plan = site.zif("plan", model, "--json", "--suggest", "0").json
    (tmp_path / "plan.json").write_text(json.dumps({**plan, "digest": "another"}))
    (tmp_path / "other.json").write_text(json.dumps({**plan, "model": "other"}))
    done = site.zif("drift", "net.onnx", *words, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_two_models_of_one_name_are_refused(site: Site, model: Path, tmp_path: Path) -> None:
    site.add("npu", COMPILING)
    (tmp_path / "more").mkdir()
    classifier(tmp_path / "more" / "net.onnx")
    done = site.zif("drift", model, tmp_path / "more" / "net.onnx", "--old", "here")
    assert (done.code, "two models are called net" in done.err) == (2, True)


def test_an_environment_whose_process_dies_is_named(site: Site, two: tuple[Site, Site], model: Path) -> None:
    for plugins in two:
        plugins.add("npu", COMPILING)
    environments(site, two)
    python = two[1].folder / "python-npu-1.1"
    python.write_text("#!/bin/sh\necho no luck >&2\nexit 7\n")
    done = site.zif("drift", model, "--old", "env:npu-1.0", "--new", "env:npu-1.1")
    assert done.code == 3
    assert "the process of env:npu-1.1 ended by itself with status 7: no luck" in done.err


def test_an_environment_of_an_older_zif_is_told_apart(site: Site, two: tuple[Site, Site], model: Path) -> None:
    two[0].add("npu", COMPILING)
    two[1].add("npu", COMPILING)
    environments(site, two)
    python = two[1].folder / "python-npu-1.1"
    python.write_text('#!/bin/sh\necho "python: No module named zif.evaluation.drift" >&2\nexit 1\n')
    done = site.zif("drift", model, "--old", "env:npu-1.0", "--new", "env:npu-1.1")
    assert done.code == 2
    assert "`zif env create npu-1.1 --again`" in done.err


def test_arrays_of_every_kind_come_back(tmp_path: Path) -> None:
    import ml_dtypes

    arrays = {
        "file": np.arange(3, dtype=np.float32),
        "a/b": np.array([1.5, -2], ml_dtypes.bfloat16),
        "text": np.array(["a", "bc"], object),
        "yes": np.array([True]),
        "": np.zeros((0, 3), np.int8),
    }
    kinds = pack(tmp_path / "x.npz", arrays)
    back = unpacked(tmp_path / "x.npz", json.loads(json.dumps(kinds)))
    assert list(back) == list(arrays)
    for name, value in arrays.items():
        assert back[name].tolist() == value.tolist()
        assert back[name].dtype == value.dtype or name == "text"


def figures(**given: Any) -> Figures:
    nothing = {"sqnr_db": None, "cosine": None, "max_abs": None, "agreement": None, "not_finite": 0, "values": 4}
    return Figures(**{**nothing, **given})


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (figures(agreement=1.0), []),
        (figures(agreement=0.995), []),
        (figures(agreement=0.5), ["output y: 50.0% of its elements are others"]),
        (figures(sqnr_db=math.inf, max_abs=0.0), []),
        (figures(sqnr_db=39.9, max_abs=0.1), ["output y: 39.9 dB between old and new (40 dB asked)"]),
        (figures(sqnr_db=-math.inf, max_abs=0.1, not_finite=1), ["output y: 1 value finite on one side only"]),
    ],
)
def test_outputs_are_judged_by_their_kind(one: Figures, said: list[str]) -> None:
    assert list(_further(OutputDrift("y", one), 40.0)) == said


def test_artifacts_may_grow_a_little() -> None:
    def worse(a: int | None, b: int | None) -> list[str]:
        return list(_worse(ModelDrift("m", None, {"npu": (a, b)}, (), ("", "")), 0.05, 40.0))

    assert worse(1000, 1050) == []
    assert worse(1000, 1051) == ["the artifacts of npu take 1.03 KiB instead of 1000 B (+5.1 %; 5 % allowed)"]
    assert worse(None, 1051) == worse(0, 10) == worse(1000, 10) == []
    assert Reading("m").bytes is None
