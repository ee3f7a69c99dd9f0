"""What qnn_cpu says of itself and of models: true against the engine itself."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
import zif
from onnx import TensorProto, helper, parser
from zif import Verdict
from zif.testing.nodetests import node_tests
from zif_qnn_cpu import kernels, probing, verdicts
from zif_qnn_cpu.engine import ENGINE
from zif_qnn_cpu.options import Options

HOST = zif.target("host")


def parsed(text: str, opset: int = 18) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 9, opset_import: ["" : {opset}]> {text}')


def said(model: onnx.ModelProto) -> Verdict:
    (found,) = zif.backend("qnn_cpu").capabilities(HOST, zif.Model.load(model)).verdicts.values()
    return found


def opens(model: onnx.ModelProto) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:
        return False
    return True


def test_what_it_says_of_itself() -> None:
    told = zif.backend("qnn_cpu").capabilities(HOST)
    assert (told.processor, told.kind, told.available, told.options) == ("cpu", "hardware", True, Options)
    assert told.toolchain == f"onnxruntime {onnxruntime.__version__} CPUExecutionProvider"
    assert any(told.toolchain in note for note in told.notes)
    assert told.rates is None  # the target's own figures


@pytest.mark.needs("zif-qnn-runtime")
def test_another_target_is_priced_as_that_target() -> None:
    chip = zif.target("snapdragon-8-elite")
    assert any(chip.title in note for note in zif.backend("qnn_cpu").capabilities(chip).notes)


def test_claims_are_the_kernel_registry() -> None:
    claims = zif.backend("qnn_cpu").capabilities(HOST).ops
    assert len(claims) > 1000
    assert {"", "ai.onnx.ml", "com.microsoft"} <= {row.domain for row in claims}
    relu = [row for row in claims if row.op_type == "Relu" and not row.domain]
    assert all(row.until is not None for row in relu)
    assert max(row.since for row in relu) == onnx.defs.get_schema("Relu").since_version


def test_versions_and_types_are_those_that_the_engine_opens() -> None:
    """Every unary operator of ONNX in every version and type: claimed if and only if the engine opens it."""
    from zif.verdicts.declared import declared

    checked, wrong = 0, []
    for schema in onnx.defs.get_all_schemas_with_history():
        plain = len(schema.inputs) == len(schema.outputs) == 1 and not schema.domain and not schema.deprecated
        if not plain or any(a.required for a in schema.attributes.values()) or schema.since_version < 7:
            continue
        for kind in schema.type_constraints[0].allowed_type_strs if schema.type_constraints else ():
            if not kind.startswith("tensor(") or schema.inputs[0].type_str != schema.outputs[0].type_str:
                continue
            element = TensorProto.DataType.Value(kind[7:-1].upper())
            values = [helper.make_tensor_value_info(name, element, [1, 2, 2, 2]) for name in "xy"]
            graph = helper.make_graph([helper.make_node(schema.name, ["x"], ["y"])], "g", values[:1], values[1:])
            opsets = [helper.make_opsetid("", schema.since_version)]
            proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
            model = zif.Model.load(proto)
            if len(model.units) != 1 or schema.has_function or schema.has_context_dependent_function:
                continue
            (verdict,) = declared(model, kernels.claims()).values()
            checked += 1
            if bool(verdict.supported) != opens(proto):
                wrong.append((schema.name, schema.since_version, kind, verdict))
    assert checked > 300
    assert [row for row in wrong if row[3].supported] == []
    # Halves have no kernel of their own; the engine computes them in float, and says so when it is asked.
    assert {row[2] for row in wrong} <= {"tensor(float16)", "tensor(bfloat16)"}


@pytest.mark.needs(opset=22)
def test_a_range_without_end_is_one_version() -> None:
    """Registered as "1 and later", and ONNX Runtime itself finds no kernel for version 22."""
    text = "g (float[2] x) => (float[2] y) { y = RandomUniformLike(x) }"
    old, new = parsed(text, 21), parsed(text, 22)
    assert (said(old).supported, opens(old)) == (True, True)
    assert (said(new).supported, opens(new)) == (False, False)
    assert said(new).code == "probe-failed"


def test_an_operator_without_kernel_is_asked_about() -> None:
    hard_swish = parsed("g (float[2] x) => (float[2] y) { y = HardSwish(x) }")
    assert not any(row.op_type == "HardSwish" and not row.domain for row in kernels.claims())
    assert (said(hard_swish).supported, said(hard_swish).basis) == (True, "probed")


def test_a_refusal_quotes_the_engine() -> None:
    node = helper.make_node("Twist", ["x"], ["y"], domain="com.example")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    refused = said(helper.make_model(graph, opset_imports=opsets, ir_version=9))
    assert (refused.supported, refused.code) == (False, "probe-failed")
    assert "was asked and refused" in refused.reason
    assert "Twist" in refused.reason


def test_equal_units_are_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(probing, "_answers", {})
    monkeypatch.setattr(probing, "_ask", lambda question, _: asked.append(question) or "")
    chain = "".join(f"v{i + 1} = HardSwish(v{i})" for i in range(30))
    model = zif.Model.load(parsed(f"g (float[2] v0) => (float[2] v30) {{ {chain} }}"))
    answers = verdicts.verdicts(model)
    assert (len(answers), len(asked)) == (30, 1)


@pytest.mark.needs(opset=28)
def test_attributes_and_shapes_make_units_unequal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(probing, "_answers", {})
    monkeypatch.setattr(probing, "_ask", lambda question, _: asked.append(question) or "")
    for text in (
        "float[2] x) => (y) { y = Celu(x)",
        "float[3] x) => (y) { y = Celu(x)",
        "float[2] x) => (y) { y = Celu<alpha=2.0>(x)",
    ):
        verdicts.verdicts(zif.Model.load(parsed(f"g ({text} }}", 28)))
    assert len(asked) in (0, 3)  # none where the engine has a kernel of this version


def test_weights_are_not_read_to_ask() -> None:
    """A unit with a large external weight whose file does not exist can be asked about all the same."""
    weight = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[64, 64], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="nowhere.bin")
    values = [helper.make_tensor_value_info(name, TensorProto.BFLOAT16, [4, 64]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", values[:1], values[1:], [weight])
    verdict = said(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9))
    assert verdict.basis == "probed"
    assert verdict.supported is not None


@pytest.mark.parametrize("op", ["Resize", "Dropout", "MaxUnpool"])
def test_what_was_seen_to_go_wrong_is_refused(op: str) -> None:
    module = {"Resize": "resize", "Dropout": "dropout", "MaxUnpool": "maxunpool"}[op]
    refused = []
    for test in node_tests([module]):
        model = zif.Model.load(test.model)
        if len(model.units) == 1:
            verdict = zif.backend("qnn_cpu").capabilities(HOST, model).verdicts[model.units[0].id]
            if verdict.basis == "observed":
                refused.append(verdict.reason)
    table = zif.backend("qnn_cpu").observations
    assert table is not None
    assert refused
    assert all(f"in {table.toolchain}" in reason for reason in refused)
    taken = parsed("g (float[1,1,4,4] x) => (float[1,1,8,8] y) <float[4] s = {1, 1, 2, 2}> { y = Resize(x, , s) }")
    assert said(taken).supported


@pytest.mark.needs("onnxruntime==1.32.*")
def test_the_table_is_of_this_engine() -> None:
    table = zif.backend("qnn_cpu").observations
    assert table is not None
    assert table.toolchain == ENGINE


def test_what_failed_to_open_elsewhere_is_asked_about_here() -> None:
    layout = "g (float[2,1,3] x, float[1,4,3] w, float[1,4,4] r) => (y) { y = RNN<hidden_size=4, layout=1>(x, w, r) }"
    verdict = said(parsed(layout, 14))
    assert (verdict.supported, verdict.basis) == (False, "probed")
    assert "layout" in verdict.reason
    assert said(parsed(layout.replace(", layout=1", ""), 14)).basis == "declared"


@pytest.mark.needs(opset=22)
def test_body_with_an_operator_that_the_engine_lacks() -> None:
    text = """g (float[2] x, bool c) => (float[2] y) { y = If (c) <
        then_branch = t () => (float[2] p) { p = RandomUniformLike(x) },
        else_branch = e () => (float[2] r) { r = Neg(x) }
    > }"""
    refused = said(parsed(text, 22))
    assert (refused.supported, refused.code) == (False, "probe-failed")
    assert said(parsed(text, 21)).supported


def test_microsoft_domain_by_the_engines_own_schemas() -> None:
    def fused(kind: int) -> onnx.ModelProto:
        node = helper.make_node("FusedMatMul", ["a", "b"], ["y"], domain="com.microsoft", transB=1)
        values = [helper.make_tensor_value_info(name, kind, [2, 2]) for name in "aby"]
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        graph = helper.make_graph([node], "g", values[:2], values[2:])
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    taken, refused = said(fused(TensorProto.FLOAT)), said(fused(TensorProto.DOUBLE))
    assert (taken.supported, taken.basis) == (True, "declared")
    assert refused.supported is opens(fused(TensorProto.DOUBLE))


@pytest.mark.needs("onnxruntime==1.32.*")
@pytest.mark.parametrize("kind", ["STFT", "DFT"])
def test_a_synthesizer_that_ends_in_a_spectrum_runs_here(kind: str) -> None:
    """Barred for what float32 cannot hold beside the largest value, 3,600 nodes had no home for the sake of one."""
    import numpy as np

    body = "".join(f"v{i + 1} = Tanh(v{i})\n" for i in range(40))
    if kind == "STFT":
        values = "int64 step = {8}, int64 size = {16}, float[16] w"
        text = f"g (float[1,64,1] v0) => (float[1,7,9,2] y) <{values}> {{ {body} y = STFT (v40, step, w, size) }}"
    else:
        text = f"g (float[1,64,1] v0) => (y) {{ {body} y = DFT <axis = 1> (v40) }}"
    proto = parsed(text.replace("float[16] w", f"float[16] w = {{{', '.join(['1.0'] * 16)}}}"))
    x = np.random.default_rng(0).standard_normal((1, 64, 1)).astype(np.float32)
    with zif.load(proto, only=["qnn_cpu"]) as session:
        found = session.run({"v0": x})["y"]
    wave = x
    for _ in range(40):
        wave = np.tanh(wave)
    spectrum = found[..., 0] + 1j * found[..., 1]
    if kind == "DFT":
        np.testing.assert_allclose(spectrum, np.fft.fft(wave[..., 0], axis=1), atol=1e-4)
    else:
        frames = np.lib.stride_tricks.sliding_window_view(wave[0, :, 0], 16)[::8]
        np.testing.assert_allclose(spectrum[0], np.fft.rfft(frames, axis=1), atol=1e-4)
