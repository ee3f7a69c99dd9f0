"""What rknn-toolkit2 2.5.0 printed, read: rows of its table, and one sentence of what went wrong."""

from __future__ import annotations

import pytest
from zif_rockchip import logs

TABLE = """\x1b[1;33mW\x1b[0m load_onnx: zeros will be set for input 0!
D RKNN: [09:07:43.493] ID   OpType             DataType Target InputShape      OutputShape  Cycles(DDR/NPU/Total)    RW(KB)       FullName
D RKNN: [09:07:43.493] 0    InputOperator      FLOAT16  CPU    \\                  (1,3,16,16)   0/0/0          0            InputOperator:zift0
D RKNN: [09:07:43.493] 1    ConvRelu           FLOAT16  NPU    (1,3,16,16),(8,3,3,3),(8)  (1,8,16,16)  290/2304/2304   2            Conv:zifn0
D RKNN: [09:07:43.493] 4    Conv               FLOAT16  NPU    (1,8,1,1),(10,8,1,1)  (1,10,1,1)   28/32/32      0%           0            Conv:zifn4#2
D RKNN: [09:07:43.493] 5    Reshape            FLOAT16  CPU    (1,10,1,1),(2)    (1,10)       0/0/0             0            Reshape:zift7_mm_tp_rs
D RKNN: [09:07:43.493] 5    Reshape            FLOAT16  NPU    (1,10,1,1),(2)    (1,10)       0/0/0                          0            Reshape:zift8_rs
D RKNN: [09:07:43.493] 6    OutputOperator     FLOAT16  CPU    (1,10)            \\            0/0/0            0            OutputOperator:zift9
D RKNN: [09:07:43.494] 1   ConvRelu       x                FLOAT16   NC1HWC2      (1,3,16,16)  (1,4,16,16,3) | 0x0 0x6 0x6
E RKNN: [09:07:43.493] Unkown op target: 0
"""  # noqa: E501


def test_the_table_of_the_compiler() -> None:
    rows = logs.table(TABLE)
    assert [(row.op_type, row.place, row.cycles, row.name) for row in rows] == [
        ("ConvRelu", "NPU", 2304, "Conv:zifn0"),
        ("Conv", "NPU", 32, "Conv:zifn4#2"),
        ("Reshape", "CPU", 0, "Reshape:zift7_mm_tp_rs"),
        ("Reshape", "NPU", 0, "Reshape:zift8_rs"),
    ]
    assert logs.results(TABLE) == {"zift9": "(1,10)"}


CONSTANT = "The input 1 of Slice('zifn3') need to be constant! It will cause the graph to be a dynamic graph!"
RAISED = """ValueError: Traceback (most recent call last):
  File "rknn/api/rknn_log.py", line 344, in rknn.api.rknn_log.error_catch_decorator.error_catch_wrapper
  File "rknn/api/ir_graph.py", line 937, in rknn.api.ir_graph.IRGraph.get_attr
KeyError: 'LayerNormalization'
"""
REGISTRY = """Traceback (most recent call last):
onnxruntime.capi.onnxruntime_pybind11_state.Fail: [ONNXRuntimeError] : 1 : FAIL : Fatal error: Attention(-1) is not a registered function/op
"""  # noqa: E501


@pytest.mark.parametrize(
    ("error", "log", "told", "code"),
    [
        (f"ValueError: {CONSTANT}\n", "", CONSTANT.rstrip("!"), "attribute"),
        (RAISED, "", "KeyError: 'LayerNormalization'", "op"),
        ("AssertionError: ", "\x1b[1;31mE\x1b[0m \x1b[1;31minference: Unsupport inputs[0].dtype: float64\x1b[0m",
         "Unsupport inputs[0].dtype: float64", "dtype"),
        ("RuntimeError: build answered -1", TABLE + "E RKNN: [09:11:32.984] Meet unsupported conv, input type: 3",
         "build answered -1", "probe-failed"),
        ("", TABLE + "E RKNN: [09:11:32.984] Meet unsupported conv, input tensor name: x input type: 3",
         "Meet unsupported conv, input tensor name: x input type: 3", "probe-failed"),
        (REGISTRY, "", "Fail: Fatal error: Attention(-1) is not a registered function/op", "op"),
        ("", "", "no reason given", "probe-failed"),
    ],
)  # fmt: skip
def test_a_failure_is_one_sentence(error: str, log: str, told: str, code: str) -> None:
    sentence = logs.complaint(error, log)
    assert sentence == told
    assert "\n" not in sentence
    assert "\x1b" not in sentence
    assert logs.code_of(sentence) == code
