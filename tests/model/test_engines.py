"""Types of operators that onnx does not have come from the engines that are installed."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from zif.errors import UsageError
from zif.model import Model
from zif.model.engines import GROUP

FLOAT = TensorProto.FLOAT


def one(
    op_type: str,
    inputs: dict[str, tuple[int, list[int | str]]],
    outputs: list[str],
    domain: str = "com.microsoft",
    **more: object,
) -> onnx.ModelProto:
    """A model of one node, then an Identity of each output, of which the file says nothing."""
    node = helper.make_node(op_type, list(inputs), outputs, "n", domain=domain, **more)
    after = [helper.make_node("Identity", [name], [f"{name}_same"], f"i{name}") for name in outputs]
    given = [helper.make_tensor_value_info(name, kind, dims) for name, (kind, dims) in inputs.items()]
    made = [helper.make_empty_tensor_value_info(f"{name}_same") for name in outputs]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("acme", 1)]
    return helper.make_model(helper.make_graph([node, *after], "g", given, made), opset_imports=opsets, ir_version=9)


X = {"x": (FLOAT, ["B", 8, 64])}
CASES = {
    "MatMulNBits": (
        one(
            "MatMulNBits",
            {**X, "b": (TensorProto.UINT8, [32, 2, 16]), "s": (FLOAT, [64])},
            ["y"],
            K=64,
            N=32,
            bits=4,
            block_size=32,
        ),
        {"y": ("B", 8, 32)},
    ),
    "FusedMatMul": (one("FusedMatMul", {**X, "w": (FLOAT, [64, 16])}, ["y"], alpha=0.5), {"y": ("B", 8, 16)}),
    "SkipLayerNormalization": (
        one("SkipLayerNormalization", {**X, "z": (FLOAT, ["B", 8, 64]), "g": (FLOAT, [64])}, ["y"]),
        {"y": ("B", 8, 64)},
    ),
    "QuickGelu": (one("QuickGelu", X, ["y"]), {"y": ("B", 8, 64)}),
    "DynamicQuantizeMatMul": (
        one("DynamicQuantizeMatMul", {**X, "w": (TensorProto.INT8, [64, 16]), "s": (FLOAT, [1])}, ["y"]),
        {"y": ("B", 8, 16)},
    ),
    "BiasSplitGelu, for GPUs only": (one("BiasSplitGelu", {**X, "b": (FLOAT, [64])}, ["y"]), {"y": ("B", 8, 32)}),
    "SimplifiedLayerNormalization, in ONNX's own domain": (
        one("SimplifiedLayerNormalization", {**X, "g": (FLOAT, [64])}, ["y"], domain="", axis=-1),
        {"y": ("B", 8, 64)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_engine_infers_is_known_and_carried_on(name: str) -> None:
    proto, shapes = CASES[name]
    model = Model.load(proto)
    for value, shape in shapes.items():
        assert (model.tensors[value].type, model.tensors[value].shape) == ("tensor(float)", shape)
        assert model.tensors[f"{value}_same"].shape == shape


def test_attention_with_a_cache_knows_all_its_outputs() -> None:
    given = {name: (FLOAT, ["B", "S", 64 if name == "query" else 32]) for name in ("query", "key", "value")}
    given |= {name: (FLOAT, ["B", 2, "P", 16]) for name in ("past_key", "past_value")}
    given |= {"seqlens_k": (TensorProto.INT32, ["B"]), "total": (TensorProto.INT32, [1])}
    outputs = ["y", "present_key", "present_value"]
    model = Model.load(one("GroupQueryAttention", given, outputs, num_heads=4, kv_num_heads=2))
    assert model.tensors["y"].shape == ("B", "S", 64)
    assert all(model.tensors[name].dtype == "float32" for name in outputs)
    assert [len(model.tensors[name].shape or ()) for name in outputs[1:]] == [4, 4]


def test_numbers_behind_it_are_computed_from_its_shape() -> None:
    proto = one("QuickGelu", {"x": (FLOAT, [2, 6])}, ["y"])
    proto.graph.node.extend(
        [
            helper.make_node("Shape", ["y"], ["dims"], "s"),
            helper.make_node("ConstantOfShape", ["dims"], ["zeros"], "c"),
            helper.make_node("If", ["which"], ["z"], "if", then_branch=_body("y"), else_branch=_body("zeros")),
        ]
    )
    proto.graph.input.append(helper.make_tensor_value_info("which", TensorProto.BOOL, []))
    proto.graph.output.append(helper.make_empty_tensor_value_info("z"))
    model = Model.load(proto)
    assert model.tensors["z"].shape == (2, 6)


def _body(value: str) -> onnx.GraphProto:
    node = helper.make_node("QuickGelu", [value], [f"{value}_t"], domain="com.microsoft")
    return helper.make_graph([node], "b", [], [helper.make_empty_tensor_value_info(f"{value}_t")])


ACME = """
from onnx import TensorProto, helper

def output_types(model, libraries):
    node = model.graph.node[0]
    if node.op_type != "Twice":
        raise LookupError(node.op_type)
    dims = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return {node.output[0]: helper.make_tensor_type_proto(TensorProto.FLOAT16, [2 * dim for dim in dims])}
"""


def test_another_engine_brings_another_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outsider's entry point is enough; what another one raises, or cannot import, changes nothing."""
    (tmp_path / "acme_types.py").write_text(ACME)
    metadata = tmp_path / "zif_acme-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: zif-acme\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\nacme = acme_types:output_types\nbroken = not_there:f\n")
    monkeypatch.syspath_prepend(tmp_path)
    model = Model.load(one("Twice", {"x": (FLOAT, [2, 3])}, ["y"], domain="acme"))
    assert (model.tensors["y"].dtype, model.tensors["y"].shape) == ("float16", (4, 6))
    assert Model.load(one("Other", {"x": (FLOAT, [2, 3])}, ["y"], domain="acme")).tensors["y"].type == ""


def test_layers_that_differ_in_their_weights_are_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif.model import engines

    from tests.decoder import decoder

    asked: list[str] = []
    real = engines.engines()

    def counting(question: onnx.ModelProto, libraries: object) -> engines.Answers:
        asked.append(question.graph.node[0].op_type)
        return real[0](question, libraries)  # type: ignore[arg-type]

    monkeypatch.setattr(engines, "engines", lambda: (counting,))
    counts = []
    for layers in (2, 6):
        asked.clear()
        Model.load(decoder(32, True, layers=layers))
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 5


def test_a_library_that_is_not_there_is_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ops\.so is not there"):
        Model.load(CASES["QuickGelu"][0], custom_ops=[tmp_path / "ops.so"])
