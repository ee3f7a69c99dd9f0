"""What the installed onnx lacks is told with the version that brings it."""

from __future__ import annotations

import onnx
import pytest
from model.graphs import relu
from onnx import TensorProto
from zif.errors import InvalidModel
from zif.model import Model, dtypes, installed_onnx


@pytest.mark.parametrize(
    ("opset", "ir_version", "told"),
    [
        (22, 0, "'onnx>=1.17'"),
        (23, 0, "'onnx>=1.18'"),
        (22, 11, "'onnx>=1.18'"),
        (26, 13, "'onnx>=1.21'"),
        (0, 13, "'onnx>=1.20'"),
        (28, 14, "'onnx>=1.23'"),
        (999, 0, "--upgrade onnx"),
        (0, 99, "--upgrade onnx"),
    ],
)
def test_the_version_that_brings_it(opset: int, ir_version: int, told: str) -> None:
    assert installed_onnx.upgrade(opset=opset, ir_version=ir_version) == f"pip install {told}"


def test_the_rows_are_what_onnx_says_of_itself() -> None:
    """Each release that the installed onnx knows of has the IR version and opset that stand in the table."""
    own = {row[0].rpartition(".")[0]: (row[1], row[2]) for row in onnx.helper.VERSION_TABLE}
    rows = {name: (ir, opset) for name, ir, opset in installed_onnx._RELEASES}
    assert {name: pair for name, pair in rows.items() if name in own} == {
        name: pair for name, pair in own.items() if name in rows
    }
    assert (onnx.IR_VERSION, onnx.defs.onnx_opset_version()) == (installed_onnx.NEWEST_IR, installed_onnx.NEWEST_OPSET)


def test_element_types_came_with_ir_versions() -> None:
    assert [installed_onnx.ir_of_type(n) for n in (1, 16, 17, 22, 23, 24, 25, 27)] == [3, 3, 9, 10, 11, 12, 13, 14]
    assert installed_onnx.ir_of_type(77) > installed_onnx.NEWEST_IR


def test_a_newer_ir_version_is_refused_with_the_opset_and_what_to_install() -> None:
    proto = relu([4])
    proto.ir_version = installed_onnx.NEWEST_IR + 1
    with pytest.raises(InvalidModel) as refused:
        Model.load(proto)
    text = str(refused.value)
    assert f"IR version {proto.ir_version} (opset 17), and onnx {onnx.__version__} knows IR versions up to" in text
    assert "pip install" in text


@pytest.mark.parametrize(("opset", "written", "kept"), [(17, 10, 8), (19, 10, 9), (21, 10, 10), (17, 8, 8), (17, 7, 7)])
def test_an_ir_version_that_nothing_needs_is_lowered(opset: int, written: int, kept: int) -> None:
    proto = relu([4])
    proto.opset_import[0].version, proto.ir_version = opset, written
    assert Model.load(proto).proto.ir_version == kept


def test_an_element_type_keeps_the_ir_version_that_it_came_with() -> None:
    proto = relu([4])
    proto.ir_version = 10
    proto.graph.initializer.append(TensorProto(name="w", data_type=TensorProto.INT4, dims=[2], raw_data=b"\x10"))
    assert Model.load(proto).proto.ir_version == 10


def test_a_type_that_ml_dtypes_lacks_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As onnx 1.18 knows float4, and lives beside an ml_dtypes that does not."""
    caches = (dtypes.numpy_dtype, dtypes.element_dtype)
    monkeypatch.setattr(dtypes, "numpy_dtype", lambda name: caches[0](name if name != "int4" else "float3"))
    caches[1].cache_clear()
    proto = relu([4])
    proto.graph.initializer.append(TensorProto(name="w", data_type=TensorProto.INT4, dims=[2], raw_data=b"\x10"))
    try:
        with pytest.raises(InvalidModel, match=r"'w' is of type .*ml_dtypes \d.* pip install --upgrade ml_dtypes"):
            Model.load(proto)
    finally:
        caches[1].cache_clear()
