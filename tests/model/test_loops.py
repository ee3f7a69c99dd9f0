"""Loops that nothing ends are refused before anything runs them; those that a condition ends are nobody's business."""

from __future__ import annotations

import onnx
import pytest
import zif

BODY = "(int64 i, bool c, float[1, 4] s) => (bool d, float[1, 4] a) { d = Identity(c) a = Relu(s) }"
TRUE = "(int64 i, bool c, float[1, 4] s) => (bool d, float[1, 4] a) { d = Constant<value = bool {1}>() a = Relu(s) }"
WHILE = """(int64 i, bool c, float[1, 4] s) => (bool d, float[1, 4] a)
    { a = Add(s, z) m = ReduceMax<keepdims = 0>(a) d = Less(m, z) }"""
NESTED = f"""(int64 j, bool e, float[1, 4] q) => (bool f, float[1, 4] r)
    {{ f = Identity(e) r = Loop(n, k, q)<body = t {BODY}> }}"""
MOST = 2**63 - 1


def model(loop: str, count: int = MOST, body: str = BODY) -> onnx.ModelProto:
    proto = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["": 20]> g (float[1, 4] x, bool go) => (float[1, 4] y)
        <int64 n = {{{count}}}, bool k = {{1}}, bool off = {{0}}, float z = {{100.0}}> {{ {loop}<body = t {body}> }}"""
    )
    for node in proto.graph.node:  # onnx 1.16's parser has no word for an input that is left out
        node.input[:] = ["" if name == "none" else name for name in node.input]
    return proto


ENDLESS = {
    "a count beyond any": model("y = Loop(n, k, x)"),
    "no count": model("y = Loop(none, k, x)"),
    "neither": model("y = Loop(none, none, x)"),
    "a condition that is a constant": model("y = Loop(n, none, x)", body=TRUE),
    "a count that is computed": model("m = Mul(n, n) y = Loop(m, k, x)", 3_000_000_000),
    "ten thousand times ten thousand": model("y = Loop(n, k, x)", 10_000, NESTED),
    "half of it twice": model(f"u = Loop(n, k, x)<body = b {BODY}> y = Loop(n, k, u)", 600_000),
}
ENDING = {
    "a count": model("y = Loop(n, k, x)", 3),
    "none at all": model("y = Loop(n, k, x)", -1),
    "a condition that is computed": model("y = Loop(n, k, x)", body=WHILE),
    "a condition that is given": model("y = Loop(n, go, x)"),
    "a condition that is false": model("y = Loop(n, off, x)"),
    "a hundred times a hundred": model("y = Loop(n, k, x)", 100, NESTED),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_loop_that_nothing_ends_is_refused(name: str) -> None:
    with pytest.raises(zif.InvalidModel, match=r"node 'Loop_\d' \(Loop\).*no condition ends them.*ZIF_MAX_TURNS"):
        zif.plan(ENDLESS[name], only="reference")


@pytest.mark.parametrize("name", ENDING)
def test_others_are_planned(name: str) -> None:
    zif.plan(ENDING[name], only="reference")


def test_who_trusts_the_file_raises_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIF_MAX_TURNS", "2000000")
    zif.plan(ENDLESS["half of it twice"], only="reference")
