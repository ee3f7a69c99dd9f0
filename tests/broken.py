"""A backend that is wrong on purpose, a judge, and a model whose units tell which of them is to blame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Wrong on purpose: each node for which BROKEN holds gives 1 % more. The judge computes as ONNX defines.
BREAKING = """

@hookimpl
def load(compiled):
    import onnx
    from onnx import helper, numpy_helper
    import numpy as np
    content = compiled.files[compiled.main]
    model = onnx.load_model_from_string(content if isinstance(content, bytes) else content.read_bytes())
    makers = {name: node for node in model.graph.node for name in node.output}
    nodes = []
    for node in model.graph.node:
        before = makers.get(node.input[0])
        nodes.append(node)
        if eval(BROKEN, {"node": node, "before": before, "model": model}):
            kept, node.output[0] = node.output[0], node.output[0] + "_before"
            nodes.append(helper.make_node("Mul", [node.output[0], "more"], [kept]))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1.01), "more"))
    return Run(zif.Compiled("onnx", {"m": model.SerializeToString()}, "m", compiled.inputs, compiled.outputs))
"""
JUDGE = """

_capabilities = capabilities

@hookimpl
def capabilities(target, model):
    import attrs
    return attrs.evolve(_capabilities(target, model), exact={})
"""


def save(path: Path) -> Path:
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32), "w")
    names = {"r": "Relu", "m": "MatMul", "t": "Tanh", "n": "Neg", "t2": "Tanh", "m2": "MatMul", "a": "Abs"}
    nodes, before = [], "x"
    for name, kind in names.items():
        after = "y" if name == "a" else f"{name}_out"
        nodes.append(helper.make_node(kind, [before, "w"] if kind == "MatMul" else [before], [after], name))
        before = after
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", (2, 8)), ("y", None))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
