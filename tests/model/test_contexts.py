"""EPContext nodes in a model: units by themselves, their binaries data files of it, their values never renamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from zif import InvalidModel, Model
from zif.model import compiled_units, contexts


def part(name: str, given: str, made: str, **told: Any) -> onnx.NodeProto:
    return helper.make_node(contexts.CONTEXT, [given], [made], name, domain=contexts.DOMAIN, source="Some", **told)


MAIN = {"main_context": 1, "embed_mode": 0, "ep_cache_context": "sub/part.bin"}


def model(folder: Path, *nodes: onnx.NodeProto, ends: tuple[str, str] = ("x", "y")) -> Path:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ends]
    weights = [numpy_helper.from_array(np.array(v, t), n) for n, v, t in (("s", 0.1, "f"), ("z", 0, "u1"))]
    inner = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("a", "b", "c")]
    graph = helper.make_graph(list(nodes), "g", values[:1], values[1:], weights, value_info=inner)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(contexts.DOMAIN, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), folder / "m.onnx")
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "sub" / "part.bin").write_bytes(b"compiled")
    return folder / "m.onnx"


def test_a_part_of_another_ones_binary_says_which(tmp_path: Path) -> None:
    two = part("two", "a", "y", main_context=0, embed_mode=0)
    made = Model.load(model(tmp_path, part("one", "x", "a", **MAIN), two))
    assert compiled_units.units(made) == ["one", "two"]
    alone = made.slice(["two"], "alone")
    assert alone.external_files() == {"sub/part.bin": tmp_path / "sub" / "part.bin"}
    assert "one, two (EPContext)" in compiled_units.elsewhere(made)


def test_another_binary_is_another_digest(tmp_path: Path) -> None:
    file = model(tmp_path, part("one", "x", "y", **MAIN))
    digests = []
    for content in (b"compiled", b"another one"):
        (tmp_path / "sub" / "part.bin").write_bytes(content)
        digests.append(Model.load(file).digest)
    assert digests[0] != digests[1]


def test_what_it_is_for_counts(tmp_path: Path) -> None:
    """Two models that differ in nothing else are for two chips: what was answered of one does not hold of the other."""
    file = model(tmp_path, part("one", "x", "y", **MAIN))
    stamps = set()
    for chip in ("57", "69"):
        proto = onnx.load(file)
        helper.set_model_props(proto, {"ep_compatibility_info.Some": chip, "other": chip})
        onnx.save(proto, file)
        stamps |= {(made := Model.load(file)).stamp, made.digest}
    assert len(stamps) == 4


def test_a_missing_binary_names_the_node(tmp_path: Path) -> None:
    made = Model.load(model(tmp_path, part("one", "x", "y", **MAIN)))
    (tmp_path / "sub" / "part.bin").unlink()
    with pytest.raises(InvalidModel, match=r"part\.bin is missing; node 'one' needs it"):
        made.check_external()


@pytest.mark.parametrize("name", ["../part.bin", "/etc/passwd", "C:\\part.bin", "sub/../../part.bin", "a\\b.bin"])
def test_no_name_is_followed_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidModel, match="'one'.*outside the model's folder"):
        Model.load(model(tmp_path, part("one", "x", "y", **MAIN | {"ep_cache_context": name})))


def test_no_link_is_followed_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    made = Model.load(model(tmp_path / "m", part("one", "x", "y", **MAIN)))
    (tmp_path / "m" / "sub" / "part.bin").rename(tmp_path / "part.bin")
    (tmp_path / "m" / "sub" / "part.bin").symlink_to(tmp_path / "part.bin")
    with pytest.raises(InvalidModel, match="outside the model's folder"):
        made.check_external()


def test_what_does_not_say_its_binary_is_refused(tmp_path: Path) -> None:
    lone = part("two", "x", "y", main_context=0, embed_mode=0)
    with pytest.raises(InvalidModel, match="'two'.*0 nodes of the model have one"):
        Model.load(model(tmp_path, lone))
    both = [part("one", "x", "a", **MAIN), part("more", "a", "b", **MAIN)]
    with pytest.raises(InvalidModel, match="'two'.*2 nodes of the model have one"):
        Model.load(model(tmp_path, *both, part("two", "b", "y", main_context=0, embed_mode=0)))
    with pytest.raises(InvalidModel, match="'one'.*has no binary"):
        Model.load(model(tmp_path, part("one", "x", "y", main_context=1, embed_mode=0)))


def test_none_stands_in_a_body(tmp_path: Path) -> None:
    made = [helper.make_tensor_value_info("o", TensorProto.FLOAT, [1, 4])]
    body = helper.make_graph([part("hidden", "x", "o", **MAIN)], "body", [], made)
    condition = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.array(True)))
    branch = helper.make_node("If", ["k"], ["y"], "if", then_branch=body, else_branch=body)
    with pytest.raises(InvalidModel, match="'hidden'.*body of another node"):
        Model.load(model(tmp_path, condition, branch))


def test_conversions_do_not_join_it_and_do_not_rename_its_values(tmp_path: Path) -> None:
    """Its binary knows values by their names: a DequantizeLinear that two read is not copied for it."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["a"], "dq"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        part("one", "a", "c", **MAIN),
        helper.make_node("Add", ["b", "c"], ["y"], "add"),
    ]
    made = Model.load(model(tmp_path, *nodes))
    (unit,) = [unit for unit in made.units if unit.id == "one"]
    assert (len(unit.nodes), unit.inputs, unit.outputs) == (1, ("a",), ("c",))


def test_a_model_without_one_is_as_it_was(tmp_path: Path) -> None:
    made = Model.load(model(tmp_path, helper.make_node("Relu", ["x"], ["y"], "relu")))
    assert (compiled_units.units(made), compiled_units.elsewhere(made), made.external_files()) == ([], "", {})
