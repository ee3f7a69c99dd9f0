"""Real models as one ONNX file, run by ONNX Runtime without zif: what comes is what zif's session gives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from attrs import frozen
from qnn_htp.as_user import CHIP, entry, quantized
from transformer import transformer

pytestmark = pytest.mark.usefixtures("htp")
ALONE = Path(__file__).with_name("alone.py")


@frozen
class Pair:
    """What zif's session gave, what ONNX Runtime gave alone, and the operators that each provider took there."""

    ours: Mapping[str, Any]
    alone: Mapping[str, Any]
    took: Mapping[str, list[str]]
    plan: zif.Plan


def run_alone(model: Path, feeds: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Outputs by name, and operators by provider, from a process that has no zif."""
    given, made = model.with_suffix(".in.npz"), model.with_suffix(".out.npz")
    np.savez(given, **feeds)
    done = subprocess.run([sys.executable, ALONE, model, given, made], capture_output=True, text=True, cwd=model.parent)
    assert done.returncode == 0, done.stderr
    with np.load(made) as file:
        outputs = {str(name): file[f"v{number}"] for number, name in enumerate(file["names"])}
    return outputs, json.loads(done.stdout.splitlines()[-1])


def both(source: Path, feeds: Mapping[str, Any], folder: Path, embed: bool = False, **wishes: Any) -> Pair:
    made = zif.compile(source, folder / "net.zif", CHIP, verify=False, **wishes)
    zif.export(made.folder, folder / "out" / "net_ctx.onnx", "onnxruntime", options={"embed": embed})
    with zif.load(made.folder) as session:
        ours, plan = session.run(feeds), session.plan
    alone, took = run_alone(folder / "out" / "net_ctx.onnx", feeds)
    return Pair(ours, alone, took, plan)


def same(pair: Pair, tolerance: float = 1e-5) -> None:
    """Every output alike: to the bit where the NPU made it, to rounding where the CPU's optimizer saw another graph."""
    assert list(pair.alone) == list(pair.ours)
    on_npu = {name for one in pair.plan.segments if one.backend == "qnn_htp" for name in one.outputs}
    whole = {one.backend for one in pair.plan.segments} == {"qnn_htp"}
    for name, value in pair.ours.items():
        assert pair.alone[name].dtype == value.dtype
        if whole and name in on_npu:
            assert np.array_equal(pair.alone[name], value), name
        else:
            np.testing.assert_allclose(
                pair.alone[name], value, rtol=tolerance, atol=tolerance * np.abs(value).max(initial=0)
            )


def contexts(pair: Pair) -> int:
    """How many parts the NPU's provider took; it takes nothing else. What it took cannot have fallen back."""
    npu = pair.took.get("QNNExecutionProvider", [])
    assert set(npu) <= {"EPContext"}
    assert len(npu) == sum(one.backend == "qnn_htp" for one in pair.plan.segments)
    return len(npu)


def test_a_float_network(tmp_path: Path) -> None:
    one = entry("mtcnn-rnet")
    pair = both(one.path, one.inputs(), tmp_path, shapes=one.shapes)
    same(pair)
    assert contexts(pair) == 1


def test_a_quantized_network(tmp_path: Path) -> None:
    one = entry("mtcnn-rnet")
    pair = both(quantized(one, "w8a8", tmp_path), one.inputs(), tmp_path, embed=True, shapes=one.shapes)
    same(pair)
    assert contexts(pair) >= 1
    assert [path.name for path in (tmp_path / "out").glob("*.bin")] == []


def test_a_small_transformer(tmp_path: Path) -> None:
    onnx.save(transformer(), tmp_path / "t.onnx")
    (info,) = zif.Model.load(tmp_path / "t.onnx").inputs
    feeds = {info.name: np.random.default_rng(0).standard_normal(info.shape).astype(np.float32)}
    pair = both(tmp_path / "t.onnx", feeds, tmp_path)
    same(pair)
    assert contexts(pair) >= 1


@pytest.mark.slow
def test_a_transformer(tmp_path: Path) -> None:
    one = entry("minilm-int8")
    pair = both(one.path, one.inputs(), tmp_path, shapes=one.shapes)
    same(pair, 1e-4)
    assert contexts(pair) >= 1


def test_several_segments(tmp_path: Path) -> None:
    one = entry("mtcnn-rnet")
    units = zif.Model.load(one.path, one.shapes).units
    middle = [unit.id for unit in units if unit.op_type == "Conv"][1]
    pair = both(one.path, one.inputs(), tmp_path, shapes=one.shapes, pin={middle: "qnn_cpu"})
    same(pair)
    assert contexts(pair) == 2
    assert "Conv" in pair.took["CPUExecutionProvider"]


def test_an_open_batch(tmp_path: Path) -> None:
    """What is open is not the NPU's; the file keeps it open, and runs on any batch."""
    one = entry("mtcnn-rnet")
    feeds = one.inputs()
    pair = both(one.path, feeds, tmp_path)
    same(pair)
    (info,) = onnx.load(tmp_path / "out" / "net_ctx.onnx").graph.input
    assert not info.type.tensor_type.shape.dim[0].dim_value
    three = {name: value[:3] for name, value in feeds.items()}
    alone, _ = run_alone(tmp_path / "out" / "net_ctx.onnx", three)
    assert all(value.shape[0] == 3 for value in alone.values())


def test_a_state_goes_round(tmp_path: Path) -> None:
    one = entry("silero-static")
    feeds = dict(one.inputs())
    pair = both(one.path, feeds, tmp_path, shapes=one.shapes, policy="power")
    same(pair, 1e-4)
    assert contexts(pair) >= 1
    again, _ = run_alone(tmp_path / "out" / "net_ctx.onnx", feeds | {"state": pair.alone["stateN"]})
    with zif.load(tmp_path / "net.zif") as session:
        ours = session.run(feeds | {"state": pair.ours["stateN"]})
    np.testing.assert_allclose(again["stateN"], ours["stateN"], rtol=1e-4, atol=1e-4)
    assert not np.array_equal(again["stateN"], pair.alone["stateN"])


def test_what_is_the_cpus_alone_says_so(tmp_path: Path) -> None:
    """Another provider would take nodes that the plan gives to the CPU: the file names the providers."""
    one = entry("silero-static")
    made = zif.compile(one.path, tmp_path / "net.zif", "host", shapes=one.shapes, only="qnn_cpu", verify=False)
    written = zif.export(made.folder, tmp_path / "out.onnx", "onnxruntime")
    assert written.facts["providers"] == ["CPUExecutionProvider"]
    assert "Nothing of this plan is compiled" in " ".join(written.notes)
    alone, took = run_alone(tmp_path / "out.onnx", one.inputs())
    assert set(took) == {"CPUExecutionProvider"}
    with zif.load(made.folder) as session:
        ours = session.run(one.inputs())
    assert all(np.allclose(alone[name], value, atol=1e-5) for name, value in ours.items())


def test_a_weight_that_no_message_holds_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zif_qnn_cpu.exporting import joining

    made = zif.compile(transformer(1), tmp_path / "net.zif", only="qnn_cpu", verify=False)
    monkeypatch.setattr(joining, "LARGEST", 4096)
    with pytest.raises(zif.Unsupported, match="the weight .* holds less"):
        zif.export(made.folder, tmp_path / "out.onnx", "onnxruntime")
    assert not (tmp_path / "out.onnx").exists()


def test_what_onnx_runtime_refused_when_it_was_planned_is_told(tmp_path: Path) -> None:
    """`reference` computes what ONNX Runtime has no kernel for; in the file that is a plain node all the same."""
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, [2, 3]) for name in ("x", "y")]
    nodes = [onnx.helper.make_node("Neg", ["x"], ["n"], "neg"), onnx.helper.make_node("Erf", ["n"], ["y"], "erf")]
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=opsets)
    model.ir_version = 9
    made = zif.compile(model, tmp_path / "net.zif", only=["qnn_cpu", "reference"], verify=False)
    written = zif.export(made.folder, tmp_path / "out.onnx", "onnxruntime")
    assert len([note for note in written.notes if "erf (Erf)" in note and "may not open the file" in note]) == 1
    assert not [note for note in written.notes if "neg" in note]
