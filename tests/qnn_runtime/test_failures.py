"""The texts are those that onnxruntime-qnn 2.7.0 gives."""

from __future__ import annotations

import pickle

import pytest
from zif.errors import StageFailed
from zif_qnn_runtime import QnnError, explain, original_name
from zif_qnn_runtime.logs import ERROR, Line

NHWC = (
    "Node 'gap_token_13' OpType:GlobalAveragePool with domain:com.ms.internal.nhwc was inserted using the NHWC format"
    " as requested by QNNExecutionProvider, but was not selected by that EP"
)


@pytest.mark.parametrize(
    ("raw", "kind", "code", "words"),
    [
        ("[ONNXRuntimeError] : 11 : EP_FAIL : Failed to compose Qnn graph.", "compose", 0, "could not build the graph"),
        (
            "[ONNXRuntimeError] : 11 : EP_FAIL : Failed to finalize QNN graph."
            " Error: QNN_COMMON_ERROR_MEM_ALLOC: Memory allocation related error., Code: 1002",
            "finalize",
            1002,
            "QNN_COMMON_ERROR_MEM_ALLOC, 1002",
        ),
        (NHWC, "layout", 0, "GlobalAveragePool is left behind"),
        ("Failed to setup QNN input tensors for graph. zero graph inputs", "inputs", 0, "at least one input"),
        (
            "contextCreateFromBinary failed. Error: QNN_CONTEXT_ERROR_CREATE_FROM_BINARY",
            "context",
            0,
            "another chip (QNN_CONTEXT_ERROR_CREATE_FROM_BINARY)",
        ),
        ("Failed to get context binary info.", "context", 0, "damaged"),
        ("Empty cache file encountered.", "context", 0, "empty"),
        ("Failed to write context cache file.", "write", 0, "could not be written"),
        ("something new", "other", 0, "something new"),
    ],
)
def test_text_becomes_kind_code_and_sentence(raw: str, kind: str, code: int, words: str) -> None:
    error = explain(RuntimeError(raw))
    assert (error.kind, error.qnn_code) == (kind, code)
    assert words in str(error)
    assert "ONNXRuntimeError" not in str(error)


def test_layout_leftover_names_the_node_as_it_was() -> None:
    assert explain(RuntimeError(NHWC)).nodes == ("gap",)


def test_logged_cause_wins_over_the_general_failure() -> None:
    lines = [Line(ERROR, "x.cc:1", "QNN SetupBackend failed Could not find device with ID = 1")]
    raised = RuntimeError("This session contains graph nodes that are assigned to the default CPU EP, but fallback ...")
    error = explain(raised, lines)
    assert error.kind == "setup"
    assert "Could not find device with ID = 1" in str(error)


def test_logged_nodes_are_named_once() -> None:
    text = "Unsupported nodes in QNN EP: { name: erf, type: Erf }{ name: c_token_4, type: Celu }, "
    raised = RuntimeError("This session contains graph nodes that are assigned to the default CPU EP")
    error = explain(raised, [Line(ERROR, "", text), Line(ERROR, "", text)])
    assert error.nodes == ("erf", "c")
    assert str(error).endswith("nodes: erf, c")


def test_error_survives_pickling() -> None:
    error = QnnError("no", "run", 7, ("a",), "raw")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, StageFailed)
    assert (str(copy), copy.kind, copy.qnn_code, copy.nodes, copy.raw) == ("no", "run", 7, ("a",), "raw")


def test_only_a_final_token_is_stripped() -> None:
    names = ("a_token_12", "a_token_1_b", "_token_3x")
    assert [original_name(name) for name in names] == [
        "a",
        "a_token_1_b",
        "_token_3x",
    ]
