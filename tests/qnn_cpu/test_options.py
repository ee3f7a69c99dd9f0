"""Options: what each of them sets in ONNX Runtime, and what is refused."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper, parser
from zif.backends.options import describe_options
from zif.errors import BackendUnavailable, UsageError
from zif_qnn_cpu import options as module
from zif_qnn_cpu.options import Options
from zif_qnn_cpu.sessions import session_options

HOST = zif.target("host")


def entry(key: str, shared: bool = False, **given: Any) -> str:
    return str(session_options(Options(**given), shared, "all").get_session_config_entry(key))


def test_every_option_has_a_help_text() -> None:
    rows = describe_options(Options)
    assert len(rows) == 8
    assert all(len(row["help"]) > 20 for row in rows)


@pytest.mark.parametrize(
    ("given", "cores", "threads"),
    [
        ({}, 8, 8),
        ({"num_threads": 3}, 8, 3),
        ({"performance_mode": "power_saver"}, 8, 4),
        ({"performance_mode": "power_saver"}, 1, 1),
        ({"performance_mode": "low_power_saver"}, 8, 1),
        ({"performance_mode": "power_saver", "num_threads": 6}, 8, 6),
    ],
)
def test_threads(given: dict[str, Any], cores: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: cores)
    assert session_options(Options(**given), False, "all").intra_op_num_threads == threads


def test_cores_are_those_that_the_process_may_use() -> None:
    assert 1 <= Options().threads <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("given", "alone", "shared"),
    [
        ({}, "1", "0"),
        ({"performance_mode": "burst"}, "1", "0"),
        ({"performance_mode": "power_saver"}, "0", "0"),
        ({"spin": "on"}, "1", "1"),
        ({"spin": "off"}, "0", "0"),
    ],
)
def test_waiting_threads_spin_only_when_alone(given: dict[str, Any], alone: str, shared: str) -> None:
    assert entry("session.intra_op.allow_spinning", False, **given) == alone
    assert entry("session.intra_op.allow_spinning", True, **given) == shared


def test_fast_math_arena_level_and_exact_int8() -> None:
    assert entry("mlas.enable_gemm_fastmath_arm64_bfloat16", enable_fast_math=True) == "1"
    assert entry("optimization.enable_gelu_approximation", enable_fast_math=True) == "1"
    assert session_options(Options(enable_cpu_mem_arena=False), False, "all").enable_cpu_mem_arena is False
    levels = {session_options(Options(), False, level).graph_optimization_level for level in ("all", "disabled")}
    assert len(levels) == 2


def test_fast_math_has_an_effect() -> None:
    """Gelu, as exporters spell it out, comes out close but not equal."""
    gelu = "d = Div(x, s) e = Erf(d) p = Add(e, o) m = Mul(x, p) y = Mul(m, h)"
    weights = "<float s = {1.4142135}, float o = {1}, float h = {0.5}>"
    model = parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 18]> g (float[1,64] x) => (float[1,64] y) {weights} {{ {gelu} }}'
    )
    x = np.linspace(-4, 4, 64, dtype=np.float32).reshape(1, 64)
    results = []
    for fast in (False, True):
        config = {"qnn_cpu": {"enable_fast_math": fast}}
        with zif.load(model, only=["qnn_cpu"], config=config, cache=False) as session:
            results.append(session.run({"x": x})["y"])
    off = np.abs(results[0] - results[1]).max()
    assert 1e-5 < off < 1e-3


def quantized() -> onnx.ModelProto:
    """uint8 times int8, all at their largest: 64 products of 255 × 127, which overflow 16 bits two at a time."""
    weights = {"w": np.full((64, 16), 127, np.int8), "s": np.array(0.01, np.float32), "t": np.array(1, np.float32)}
    weights |= {"z": np.array(0, np.uint8), "n": np.array(0, np.int8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["f"]),
        helper.make_node("DequantizeLinear", ["w", "s", "n"], ["g"]),
        helper.make_node("MatMul", ["f", "g"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "t", "z"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.UINT8, [1, k]) for n, k in (("x", 64), ("y", 16))]
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_int8_is_exact_on_every_machine() -> None:
    """ONNX Runtime's own default gives 105 here on x86-64 without VNNI."""
    with zif.load(quantized(), only=["qnn_cpu"], cache=False) as session:
        assert session.run({"x": np.full((1, 64), 255, np.uint8)})["y"].tolist() == [[207] * 16]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_thread": 2}, r"unknown option 'num_thread'.*num_threads"),
        ({"num_threads": -1}, "num_threads takes 0"),
        ({"num_threads": "many"}, "num_threads takes a whole number"),
        ({"performance_mode": "turbo"}, r"performance_mode cannot be 'turbo'.*burst"),
        ({"enable_fast_math": "perhaps"}, "takes true or false"),
        ({"engine": "htp"}, "engine cannot be 'htp'"),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        zif.backend("qnn_cpu").options(given, HOST)


def test_the_tutorials_configuration() -> None:
    given = {"num_threads": 4, "performance_mode": "balanced", "enable_fast_math": True}
    assert zif.backend("qnn_cpu").options(given, HOST) == Options(4, "balanced", True)


def test_qualcomms_library_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QNN_SDK_ROOT", raising=False)
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float[2] x) => (float[2] y) { y = Relu(x) }'
    )
    with pytest.raises(BackendUnavailable, match="engine libQnnCpu"):
        zif.load(model, only=["qnn_cpu"], config={"qnn_cpu": {"engine": "libQnnCpu"}}, cache=False)
