"""Nodes beside the compiler's operators, as its emulator makes them: fused, split, added, in several segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import pytest
import zif
import zif_qnn_htp
from onnx import TensorProto, helper
from qnn_htp.graphs import cnn, gelu, graph, quantized
from qnn_htp.test_artifact import body, inputs, made
from transformer import transformer
from typer.testing import CliRunner
from zif import Target
from zif.cli.app import application
from zif.evaluation.profiling import NodeRow, Profile, measure
from zif.evaluation.profiling.advice import slowest, suggestions
from zif_qnn_htp.options import HtpOptions
from zif_qnn_runtime import TRACE, optrace

CHIP = "snapdragon-8-gen-3"
pytestmark = pytest.mark.usefixtures("htp")


def measured(model: onnx.ModelProto, pin: str = "*", **more: Any) -> tuple[Profile, zif.Plan]:
    # A cache of its own: an artifact that another version made may lack the list.
    with zif.load(model, CHIP, only=["qnn_htp", "qnn_cpu"], pin={pin: "qnn_htp"}, cache=False, **more) as session:
        fed = {
            i.name: np.ones([d if isinstance(d, int) else 1 for d in i.shape or ()], i.dtype) for i in session.inputs
        }
        return measure(session, fed, runs=1, warmup=0), session.plan


def rows(profile: Profile) -> dict[str, NodeRow]:
    return {one.name: one for one in profile.nodes if one.name}


def test_several_nodes_in_one_operator() -> None:
    profile, _ = measured(gelu().proto)
    found = rows(profile)
    assert {one.operators for one in found.values()} == {found["erf"].operators}
    assert found["erf"].operators[0].startswith("Gelu ")
    assert set(found["erf"].others) == {"div", "add", "mul", "scale"}
    assert [name for name, one in found.items() if one.cycles] == ["div"]  # counted once
    assert all(one.us for one in found.values())  # and shared out


def test_a_quantized_convolution_is_one_operator_with_what_the_layout_added_beside() -> None:
    profile, _ = measured(quantized().proto)
    conv = rows(profile)["conv"]
    assert [one.split()[0] for one in conv.operators] == ["Conv2d"]
    assert conv.cycles
    added = [one.op_type for one in profile.nodes if not one.name]
    assert "Transpose" in added


def test_one_node_in_several_operators_and_a_block_in_few() -> None:
    profile, plan = measured(transformer(1))
    found = rows(profile)
    assert list(found) == [unit.name for unit in plan.units]
    assert [one.split()[0] for one in found["b0.att.q"].operators] == ["FullyConnected", "Reshape"]
    assert found["b0.att.scaled"].others == ("b0.att.seen",)
    assert found["b0.att.scaled"].operators == found["b0.att.seen"].operators
    assert all(one.operators and one.emulated and one.basis == "probed" for one in found.values())
    counted = sum(one.cycles or 0 for one in profile.nodes)
    assert counted == pytest.approx(sum(one.cycles or 0 for one in profile.segments[0].operators))


def test_several_segments_each_tell_their_own() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "before"),
        helper.make_node("Det", ["a"], ["b"], "det"),  # nothing of the compiler's
        helper.make_node("Neg", ["b"], ["y"], "after"),
    ]
    model = graph(nodes, {"x": (TensorProto.FLOAT, [2, 8, 8])}, {"y": (TensorProto.FLOAT, [2])})
    profile, _ = measured(model, "op:[RN]*")
    found = rows(profile)
    assert [one.backend for one in profile.segments] == ["qnn_htp", "qnn_cpu", "qnn_htp"]
    assert (found["before"].segment, found["after"].segment) == (0, 2)
    assert found["before"].operators[0].startswith("Relu ")
    assert found["det"].operators == ()
    assert not found["det"].emulated
    assert found["det"].us


def test_a_fused_activation_has_the_cycles_of_what_it_ran_in() -> None:
    profile, _ = measured(cnn().proto, "op:[CR]*")
    conv, relu = rows(profile)["conv"], rows(profile)["relu"]
    assert conv.operators[0].startswith("Conv2d ")
    assert relu.operators[0].startswith("Relu ")
    assert (conv.cycles or 0) + (relu.cycles or 0) > 0
    assert conv.us
    assert relu.us


@pytest.mark.parametrize("content", [b"{", b'{"operators": [{"name": 1}]}', None])
def test_a_list_that_is_broken_or_lacks_is_a_note(content: bytes | None, chip: Target) -> None:
    compiled = made(body(), chip)
    files = {name: data for name, data in compiled.files.items() if name != TRACE}
    assert len(files) == len(compiled.files) - 1
    executable = zif_qnn_htp.load(
        attrs.evolve(compiled, files=files | ({TRACE: content} if content else {})), HtpOptions()
    )
    trace = executable.operators(inputs(body()), 1)
    executable.close()
    assert len(trace.notes) == 1
    assert {"conv", "relu"} <= {one.name for one in trace.operators}  # by name, as far as that goes
    assert sum(one.cycles or 0 for one in trace.operators) > 0


def test_a_compiler_that_writes_no_list_compiles_all_the_same(monkeypatch: pytest.MonkeyPatch, chip: Target) -> None:
    monkeypatch.setattr(optrace, "settings", lambda folder: {})
    compiled = made(body(), chip)
    assert TRACE not in compiled.files
    assert len([note for note in compiled.notes if "not known" in note]) == 1


def test_on_hardware_layers_are_among_the_slowest_and_in_the_suggestions() -> None:
    profile, plan = measured(transformer(1))
    real = tuple(attrs.evolve(one, kind="hardware", label="") for one in profile.segments)
    there = attrs.evolve(profile, segments=real, emulated=(), slowest=slowest(plan, real, "hardware"))
    assert there.slowest[0].backend == "qnn_htp"
    assert there.slowest[0].predicted_us
    told = suggestions(plan, there)
    assert any(one.code == "slow" and there.slowest[0].name in one.text for one in told)


def test_the_command_prints_the_table_and_writes_the_page(tmp_path: Path) -> None:
    onnx.save(gelu().proto, tmp_path / "m.onnx")
    page = tmp_path / "m.html"
    words = ["profile", str(tmp_path / "m.onnx"), *["--random", "0", "--runs", "1", "--warmup", "0"]]
    words += ["-t", CHIP, "--pin", "*=qnn_htp", "--html", str(page)]
    told = CliRunner().invoke(application(), words)
    assert told.exit_code == 0, told.output
    assert "cycles (emulated)" in told.output
    assert "Gelu div" in told.output.replace("\n", " ")
    text = page.read_text(encoding="utf-8")
    assert "Nodes and the compiler&#39;s operators" in text or "Nodes and the compiler's operators" in text
    assert text.count("<code>Gelu ") == 5
    assert "with div" in text
    over = CliRunner().invoke(application(), [*words[:-1], words[1]])
    assert "is read by this command" in str(over.exception)  # it would be written over the model
