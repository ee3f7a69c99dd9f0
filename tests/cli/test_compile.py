"""`zif compile` and what becomes of a bundle elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import COMPILING, Site
from onnx import TensorProto, helper, numpy_helper
from small import classifier, save, value


@pytest.fixture
def both(site: Site) -> Site:
    """`maker` compiles and has no Softmax, `plain` has everything."""
    site.add("maker", COMPILING, OPS={"MatMul", "Relu", "Add"}, COST=1.0)
    site.add("plain", COST=100.0)
    return site


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def bundle(both: Site, model: Path, tmp_path: Path) -> Path:
    result = both.zif("compile", model, "-o", tmp_path / "net.zif", "--target", "host", "--target", "sm8650")
    assert result.code == 0, result.err
    return tmp_path / "net.zif"


def ran(site: Site, *arguments: str | Path) -> Any:
    result = site.zif("run", "--json", *arguments)
    assert result.code == 0, result.err
    return result.json


def test_a_bundle_gives_what_the_model_gives(both: Site, model: Path, bundle: Path, tmp_path: Path) -> None:
    direct = ran(both, model, "--random", "3")
    model.unlink()
    shutil.move(bundle, tmp_path / "elsewhere")
    moved = ran(both, tmp_path / "elsewhere", "--random", "3")
    assert moved["outputs"]["y"]["top"] == direct["outputs"]["y"]["top"]
    assert [s["backend"] for s in moved["segments"]] == ["maker", "plain"]
    assert (moved["model"], moved["target"]) == ("net", "host")
    assert ran(both, tmp_path / "elsewhere", "--random", "3", "--target", "sm8650")["target"] == "snapdragon-8-gen-3"


def test_running_a_bundle_plans_and_compiles_nothing(both: Site, bundle: Path) -> None:
    both.add("nosy", "raise RuntimeError('who asked me?')")
    result = both.zif("run", bundle, "--random", "0", "--no-cache", "--debug")
    assert result.code == 0, result.err
    assert "compiling" not in result.out + result.err


def test_the_document_lists_targets_and_files(both: Site, model: Path, tmp_path: Path) -> None:
    result = both.zif("compile", model, "-o", tmp_path / "b", "--target", "sm8650", "--json")
    document = result.json
    assert document["schema"] == "zif.compile/1"
    assert document["bundle"] == str(tmp_path / "b")
    (target,) = document["targets"]
    assert target["target"] == "snapdragon-8-gen-3"
    assert [(s["id"], s["backend"], s["units"]) for s in target["segments"]] == [(0, "maker", 2), (1, "plain", 1)]
    assert document["versions"]["backends"]["maker"]["toolchain"] == "fake 1.0"
    assert all((tmp_path / "b" / name).stat().st_size == size for name, size in document["files"].items())


def test_a_bundle_is_not_replaced_by_mistake(both: Site, model: Path, bundle: Path, tmp_path: Path) -> None:
    before = (bundle / "manifest.json").read_bytes()
    result = both.zif("compile", model, "-o", bundle)
    assert (result.code, result.out) == (2, "")
    assert "net.zif exists" in result.err
    assert (bundle / "manifest.json").read_bytes() == before
    assert both.zif("compile", model, "-o", bundle, "--overwrite").code == 0
    assert (bundle / "manifest.json").read_bytes() != before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert both.zif("compile", model, "-o", tmp_path / "mine", "--overwrite").code == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_place_that_is_taken_is_refused_before_anything_is_compiled(both: Site, model: Path, bundle: Path) -> None:
    result = both.zif("compile", model, "-o", bundle, "--no-cache", "--debug")
    assert result.code == 2
    assert "compiling net" not in result.out + result.err


def test_quantizing_without_data_names_an_option_that_compile_has(both: Site, model: Path, tmp_path: Path) -> None:
    result = both.zif("compile", model, "-o", tmp_path / "q.zif", "--quantize", "w8a8")
    assert result.code == 2
    assert "give --calibration" in result.err
    assert "--random-calibration" not in result.err


def test_open_dimensions_are_told_when_they_are_built_and_run(site: Site, tmp_path: Path) -> None:
    site.add("maker", COMPILING, OPS={"MatMul", "Relu", "Softmax"})
    model = classifier(tmp_path / "net.onnx", batch="N")
    told = "open dimensions make the times and sizes of this plan too small, since each counts as 1: x (N, 4)."
    made = site.zif("compile", model, "-o", tmp_path / "net.zif")
    assert f"host: note: {told}" in made.out
    np.save(tmp_path / "x.npy", np.zeros((2, 4), np.float32))
    for source in (model, tmp_path / "net.zif"):
        assert f"note: {told}" in site.zif("run", source, "-i", tmp_path / "x.npy").out
        (note,) = ran(site, source, "-i", tmp_path / "x.npy")["notes"]
        assert note.startswith(told)


def test_a_model_that_cannot_be_compiled_leaves_nothing(both: Site, model: Path, tmp_path: Path) -> None:
    result = both.zif("compile", model, "-o", tmp_path / "b", "--only", "maker", "--target", "sm8650")
    assert result.code == 1
    assert "Softmax" in result.err
    assert not (tmp_path / "b").exists()
    both.add(
        "broken", COMPILING + "\n\n@hookimpl\ndef compile(converted):\n    raise OSError('no licence')\n", COST=0.1
    )
    result = both.zif("compile", model, "-o", tmp_path / "b", "--only", "broken", "--target", "sm8650")
    assert result.code != 0
    assert "no licence" in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("pattern", ["manifest.json", "session.json", "model.onnx", "01-plain*"])
def test_damage_is_noticed_and_named(both: Site, bundle: Path, pattern: str) -> None:
    found = next(path for path in bundle.rglob(pattern) if path.is_file())
    found.write_bytes(found.read_bytes()[:-1] + b"?")
    result = both.zif("run", bundle, "--random", "0")
    assert (result.code, result.out) == (2, "")
    assert found.name in result.err
    assert "Traceback" not in result.err


def test_wrong_folders_and_targets(both: Site, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = both.zif("run", tmp_path / "empty", "--random", "0")
    assert result.code == 2
    assert "is an empty folder" in result.err
    result = both.zif("run", bundle, "--random", "0", "--target", "sa8295p")
    assert result.code == 2
    assert "is for host, snapdragon-8-gen-3, not for sa8295p" in result.err


@pytest.mark.parametrize(
    "wish", ["--pin mm=plain", "--policy power", "--strict", "--shape x=2,4", "--on-fault fallback"]
)
def test_wishes_that_come_too_late_are_refused(both: Site, bundle: Path, wish: str) -> None:
    result = both.zif("run", bundle, "--random", "0", *wish.split())
    assert (result.code, result.out) == (2, "")
    assert "when you compile it" in result.err


def test_a_backend_that_is_missing_or_cannot_run_there_is_named(both: Site, bundle: Path, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    other.add("plain")
    result = other.zif("run", bundle, "--random", "0")
    assert result.code == 2
    assert "no installed backend is called 'maker'" in result.err
    other.add("maker", COMPILING, AVAILABLE=False, REASON="the licence has run out")
    result = other.zif("run", bundle, "--random", "0")
    assert result.code == 1
    assert "the licence has run out" in result.err


def test_what_is_emulated_is_decided_where_it_runs(both: Site, bundle: Path, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    other.add("plain")
    other.add("maker", COMPILING.replace("fake 1.0", "fake 2.0"), KIND="emulator")
    document = ran(other, bundle, "--random", "0")
    assert [s["kind"] for s in document["segments"]] == ["emulator", "hardware"]
    assert document["emulated"] == ["maker"]
    (event,) = document["events"]
    assert "compiled with fake 1.0, this machine has fake 2.0" in event["text"]


def test_without_host_the_first_target_runs(both: Site, model: Path, tmp_path: Path) -> None:
    both.zif("compile", model, "-o", tmp_path / "b", "-t", "sm8650", "-t", "sa8295p")
    assert ran(both, tmp_path / "b", "--random", "0")["target"] == "snapdragon-8-gen-3"


def test_optional_inputs_and_constant_outputs_survive(both: Site, tmp_path: Path) -> None:
    default = helper.make_tensor("bias", TensorProto.FLOAT, [2], [10.0, 10.0])
    fixed = numpy_helper.from_array(np.array([4.0, 5.0], np.float32), "fixed")
    nodes = [helper.make_node("Add", ["x", "bias"], ["y"]), helper.make_node("Softmax", ["y"], ["z"])]
    ends = [value("x", [2]), value("bias", [2])], [value("y", [2]), value("z", [2]), value("fixed", [2])]
    path = save(tmp_path / "m.onnx", nodes, *ends, [default, fixed])
    assert both.zif("compile", path, "-o", tmp_path / "b").code == 0
    np.save(tmp_path / "ones.npy", np.ones(2, np.float32))
    alone = ran(both, tmp_path / "b", "-i", f"x={tmp_path / 'ones.npy'}")["outputs"]
    assert (alone["y"]["mean"], alone["fixed"]["mean"]) == (11.0, 4.5)
    both_given = ran(both, tmp_path / "b", "-i", f"x={tmp_path / 'ones.npy'}", "-i", f"bias={tmp_path / 'ones.npy'}")
    assert both_given["outputs"]["y"]["mean"] == 2.0


def test_shapes_are_fixed_in_the_bundle(both: Site, tmp_path: Path) -> None:
    path = classifier(tmp_path / "net.onnx", "N")
    assert both.zif("compile", path, "-o", tmp_path / "b", "--shape", "x=5,4").code == 0
    assert ran(both, tmp_path / "b", "--random", "0")["outputs"]["y"]["shape"] == [5, 3]
    specs = json.loads((tmp_path / "b" / "input_specs.json").read_text())
    assert specs["inputs"][0]["shape"] == [5, 4]


WRITES_DLC = """
import attrs

@attrs.frozen
class Options:
    dlc: bool = attrs.field(default=False, metadata={"help": "the graph as a DLC", "also": True})

_plain_capabilities, _plain_compile = capabilities, compile

@hookimpl
def capabilities(target, model):
    return attrs.evolve(_plain_capabilities(target, model), options=Options)

@hookimpl
def compile(converted, options):
    made = _plain_compile(converted)
    return attrs.evolve(made, files={**made.files, **({"dlc/model.dlc": b"PK"} if options.dlc else {})})
"""


@pytest.fixture
def writer(site: Site) -> Site:
    """`maker` can write a DLC beside its artifact; `plain` is dear, and cannot."""
    site.add("maker", COMPILING + WRITES_DLC, COST=1.0)
    site.add("plain", COST=100.0)
    return site


def test_another_form_goes_into_the_bundle_on_request_only(writer: Site, model: Path, tmp_path: Path) -> None:
    for flags, there in (((), False), (("--also", "dlc"), True)):
        folder = tmp_path / f"{there}.zif"
        assert writer.zif("compile", model, "-o", folder, *flags).code == 0
        assert [path.read_bytes() for path in folder.glob("dlc/*.dlc")] == ([b"PK"] if there else [])
        ran(writer, folder, "--random", "0")


def test_a_form_that_nobody_makes_is_refused_with_those_that_can_be_had(
    writer: Site, model: Path, tmp_path: Path
) -> None:
    result = writer.zif("compile", model, "-o", tmp_path / "b.zif", "--also", "dcl")
    assert (result.code, (tmp_path / "b.zif").exists()) == (2, False)
    assert "Did you mean 'dlc'" in result.err
    assert "dlc (maker: the graph as a DLC)" in result.err


def test_a_form_whose_maker_has_no_segment_is_no_silent_absence(writer: Site, model: Path, tmp_path: Path) -> None:
    result = writer.zif("compile", model, "-o", tmp_path / "b.zif", "--also", "dlc", "--pin", "*=plain")
    assert (result.code, (tmp_path / "b.zif").exists()) == (1, False)
    assert "maker" in result.err


def test_a_place_that_is_taken_is_told_before_anything_is_compiled(both: Site, model: Path, bundle: Path) -> None:
    again = both.zif("compile", model, "-o", bundle, "--no-cache")
    assert (again.code, "--overwrite" in again.err) == (2, True)
    assert "compiling net-" not in again.out + again.err
    quantized = both.zif("compile", model, "-o", bundle, "--quantize", "w8a8", "--calibration", model.parent / "none")
    assert "--overwrite" in quantized.err
