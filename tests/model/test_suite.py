"""Models that others wrote: ONNX's own tests, its light models, and graphs without weights."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from strategies import run_pieces, run_whole
from zif.model import Model, load

NODE = "onnx.backend.test.case.node"
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
DATA = Path(onnx.__file__).parent / "backend/test/data"
LIGHT = sorted(path.name for path in (DATA / "light").glob("*.onnx"))


def cases(kind: str) -> list[TestCase]:
    with np.errstate(all="ignore"):
        return list(load_model_tests(kind=kind))


def opened(case: TestCase) -> Model:
    return load(case.model if case.model is not None else f"{case.model_dir}/model.onnx")


def check(case: TestCase) -> None:
    """It loads, its types are known, and each of its units is a valid model by itself."""
    loaded = opened(case)
    assert all(value.type for value in loaded.tensors.values()), case.name
    assert all(unit.since for unit in loaded.units), case.name
    for unit in loaded.units:
        piece = loaded.slice([unit.id], "s")
        if all(value.shape is not None or not value.dtype for value in (*piece.inputs, *piece.outputs)):
            onnx.checker.check_model(piece.proto)  # which wants a rank of every tensor


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_sample_of_onnxs_own_models(kind: str) -> None:
    for case in cases(kind)[::7]:
        check(case)


#: Bodies, sequences, optionals, strings, quantization, operators that expand into functions, ai.onnx.ml, small types.
SAMPLE = (
    *(
        pytest.param("if_", marks=pytest.mark.needs(module=f"{NODE}.if_")),
        "loop",
        "scan",
        "sequence_map",
        "optionalgetelement",
        "string_split",
        "quantizelinear",
        "dequantizelinear",
    ),
    *("affinegrid", "ai_onnx_ml.tree_ensemble", "cast", "reduce_log_sum", "split", "rangeop", "upsample"),
    pytest.param("swiglu", marks=pytest.mark.needs(module=f"{NODE}.swiglu")),
)


@pytest.mark.parametrize("module", SAMPLE)
def test_a_sample_of_onnxs_node_tests(module: str) -> None:
    """One module at a time: importing them all takes ten seconds."""
    from onnx.backend.test.case import node

    importlib.import_module(f"{node.__name__}.{module}")
    word = module.replace(".", "").replace("_", "").removesuffix("op")
    found = [case for case in node._NodeTestCases if case.name.replace("_", "").startswith(f"test{word}")]
    assert found
    for case in found[::3]:
        check(case)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_all_of_onnxs_own_tests(kind: str) -> None:
    found = cases(kind)
    assert found
    for case in found:
        check(case)


@pytest.mark.slow
def test_canonical_models_compute_the_same() -> None:
    """Every node test that ONNX Runtime runs gives, unit by unit in pieces, what it gives as a whole."""
    ran = 0
    for case in cases("node"):
        if case.model is None or not case.data_sets:
            continue
        names = [value.name for value in case.model.graph.input]
        inputs = dict(zip(names, case.data_sets[0][0], strict=False))
        try:
            expected = run_whole(case.model, inputs)
        except Exception:  # ONNX Runtime lacks the operator, or these types of it
            continue
        if any("Random" in node.op_type or node.op_type in ("Bernoulli", "Dropout") for node in case.model.graph.node):
            continue
        loaded = load(case.model)
        if any(not value.type or value.type.startswith("optional") for value in loaded.tensors.values()):
            continue
        pieces = [loaded.slice([unit.id], f"s{place}") for place, unit in enumerate(loaded.units)]
        made = {name for piece in pieces for value in piece.outputs for name in [value.name]}
        got = run_pieces(pieces, inputs, [name for name in expected if name in made])
        halves = any(value.dtype in ("float16", "bfloat16") for value in loaded.tensors.values())
        for name, value in got.items():
            if halves:  # ONNX Runtime computes these in float32, and rounds wherever a piece ends
                np.testing.assert_allclose(value, expected[name], rtol=1e-2, atol=1e-2, err_msg=case.name)
            else:
                np.testing.assert_equal(value, expected[name], err_msg=case.name)
        ran += 1
    assert ran > 1300


@pytest.mark.parametrize("name", LIGHT)
def test_light_models(name: str) -> None:
    loaded = load(DATA / "light" / name)
    assert [value.name for value in loaded.inputs] == [loaded.proto.graph.input[0].name]
    assert loaded.optional_inputs == ()
    assert all(value.static for unit in loaded.units for value in map(loaded.tensors.get, unit.outputs) if value)
    assert sum(unit.macs for unit in loaded.units) > 1e8


def test_light_models_in_pieces() -> None:
    name = "light_squeezenet.onnx"
    loaded = load(DATA / "light" / name)
    ids = [unit.id for unit in loaded.units]
    pieces = [loaded.slice(ids[start : start + 20], f"s{start}") for start in range(0, len(ids), 20)]
    stored = DATA / "light" / name.replace(".onnx", "_output_0.pb")
    value = numpy_helper.to_array(onnx.TensorProto.FromString(stored.read_bytes()))
    inputs = {loaded.inputs[0].name: np.zeros((1, 3, 224, 224), np.float32)}
    whole = run_whole(loaded.proto, inputs)
    (output,) = run_pieces(pieces, inputs, list(whole)).values()
    np.testing.assert_array_equal(output, next(iter(whole.values())))
    assert output.shape == value.shape


def graphs(folder: Path) -> list[Path]:
    return sorted((folder / "data/graphs").glob("*.onnx"))


def test_graphs_without_weights(shared: Path) -> None:
    """Their data file does not exist: they plan, slice and hash all the same."""
    for path in graphs(shared)[::5]:
        whole(path)


@pytest.mark.slow
def test_all_graphs_without_weights(shared: Path) -> None:
    for path in graphs(shared):
        whole(path)


def whole(path: Path) -> None:
    loaded = load(path)
    assert all(value.static for value in loaded.tensors.values()), path
    assert all(unit.bytes is not None and unit.precision for unit in loaded.units), path
    assert len(loaded.digest) == 64
    ids = [unit.id for unit in loaded.units]
    quarter = len(ids) // 4 + 1
    pieces = [loaded.slice(ids[start : start + quarter], f"s{start}") for start in range(0, len(ids), quarter)]
    given = {value.name for value in loaded.inputs}
    for piece in pieces:
        assert given.issuperset(value.name for value in piece.inputs), path
        given.update(value.name for value in piece.outputs)
    assert given.issuperset(value.name for value in loaded.outputs), path
