"""Statements of pages that were once no longer so, and kinds of statements that go stale: held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*/README.md"))]
PAGES += sorted(ROOT.glob("plugins/*/README.md"))


def weight(name: str, *shape: int) -> object:
    return numpy_helper.from_array(np.random.default_rng(0).standard_normal(shape).astype(np.float32) / 10, name)


@pytest.fixture(scope="module")
def w8() -> zif.Plan:
    """A table, a product, a convolution and an LSTM in w8, planned for a chip."""
    sizes = {"rows": [8, 64], "picture": [8, 1, 8, 8], "steps": [4, 8, 64]}
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"], "table_"),
        helper.make_node("Reshape", ["e", "rows"], ["f"], "rows_"),
        helper.make_node("Gemm", ["f", "gw"], ["g"], "gemm", transB=1),
        helper.make_node("Reshape", ["g", "picture"], ["p"], "picture_"),
        helper.make_node("Conv", ["p", "cw"], ["c"], "conv", pads=[1] * 4),
        helper.make_node("Reshape", ["c", "steps"], ["s"], "steps_"),
        helper.make_node("LSTM", ["s", "lw", "lr"], ["y"], "lstm", hidden_size=8),
    ]
    tensors = [weight("table", 50, 64), weight("gw", 64, 64), weight("cw", 4, 1, 3, 3), weight("lw", 1, 32, 64)]
    tensors += [weight("lr", 1, 32, 8), *(numpy_helper.from_array(np.array(v), k) for k, v in sizes.items())]
    ends = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 8]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(nodes, "w8", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return zif.plan(zif.quantize(model, None, "w8").model, "snapdragon-8-gen-3", only=["qnn_htp", "qnn_cpu"])


def test_what_the_page_says_of_w8(w8: zif.Plan) -> None:
    row = next(line for line in (DOCS / "quantization.md").read_text().splitlines() if line.startswith("| `w8` |"))
    taken = {unit.op_type for unit in w8.units if unit.verdicts["qnn_htp"].supported}
    refused = {unit.op_type for unit in w8.units if not unit.verdicts["qnn_htp"].supported}
    assert {"MatMulInteger", "ConvInteger"} <= taken
    assert {"Gather", "DynamicQuantizeLSTM"} <= refused
    assert "some of its products and convolutions (MatMulInteger, ConvInteger), no LSTM and no table" in row
    assert "HTP does not take it" not in row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_who_names_packages_says_that_no_index_has_them(page: Path) -> None:
    """`pip install zif…` finds nothing: a page that says it says where the packages come from."""
    text = page.read_text(encoding="utf-8")
    if re.search(r"pip install [^\n]*['\" ]zif(-|\[|\s|'|`|$)", text):
        assert "#installing" in text, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = set(re.findall(r"`((?:tests|benchmarks|tools|examples|docs|core|plugins)/[\w./-]+)`", page.read_text()))
    assert [one for one in sorted(named) if not (ROOT / one).exists() and not (ROOT / f"{one}.py").exists()] == []
