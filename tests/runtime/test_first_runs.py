"""What a plain `zif.load` gives on an emulator is looked at first, and when numbers come that are larger or smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from broken import JUDGE
from fakes import GOOD, Site
from onnx import TensorProto, helper, numpy_helper
from zif.runtime.verification.first import magnitudes

#: An emulator whose every operator ends at the largest number of fp16, silently.
ENDING = """

@hookimpl
def load(compiled):
    import onnx
    from onnx import helper, numpy_helper
    import numpy as np
    content = compiled.files[compiled.main]
    model = onnx.load_model_from_string(content if isinstance(content, bytes) else content.read_bytes())
    nodes = []
    for node in model.graph.node:
        kept, node.output[0] = node.output[0], node.output[0] + "_before"
        nodes += [node, helper.make_node("Min", [node.output[0], "most"], [kept])]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(65504), "most"))
    return Run(zif.Compiled("onnx", {"m": model.SerializeToString()}, "m", compiled.inputs, compiled.outputs))
"""
ASKED = """
import json, numpy as np, zif
x = np.linspace(0.5, 1, 16, dtype=np.float32).reshape(2, 8)
made = []
with zif.load(PATH, emulate=True, cache=False, **WISHES) as session:
    for size in SIZES:
        y = session.run({"x": x * np.float32(size)})["y"]
        made.append([float(y[0, 0]), len(session.events)])
    events = [[event.kind, event.backend, event.text] for event in session.events]
right = [float(np.square(x[0] * np.float32(size), dtype=np.float64).mean()) for size in SIZES]
print(json.dumps({"made": made, "events": events, "right": right, "backends": session.plan.backends}))
"""


def save(path: Path) -> Path:
    """The mean square of each row."""
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["s"], "square"),
        helper.make_node("ReduceMean", ["s", "a"], ["y"], "mean"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, size)) for name, size in (("x", 8), ("y", 1))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [numpy_helper.from_array(np.array([1]), "a")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def asked(site: Site, path: Path, sizes: list[float], judge: str = JUDGE, **wishes: Any) -> Any:
    site.add("npu", GOOD + ENDING, COST=0.1, KIND="emulator")
    site.add("cpu", GOOD + judge, COST=50.0)
    return site.python(f"PATH, SIZES, WISHES = {str(path)!r}, {sizes!r}, {wishes!r}\n{ASKED}").json


@pytest.mark.parametrize("wishes", [{}, {"on_fault": "fallback"}, {"verify": "off"}])
def test_the_first_run_and_each_that_brings_larger_numbers_is_held_against_the_cpu(
    site: Site, tmp_path: Path, wishes: dict[str, str]
) -> None:
    told = asked(site, save(tmp_path / "m.onnx"), [1, 1, 900, 900, 1], **wishes)
    assert told["backends"] == ["npu"]
    counts = [count for _, count in told["made"]]
    assert counts == ([0] * 5 if "verify" in wishes else [0, 0, 1, 1, 1])
    values, right = [value for value, _ in told["made"]], told["right"]
    if "on_fault" in wishes:
        np.testing.assert_allclose(values, right, rtol=1e-6)  # also in the run whose size was seen already
    else:
        assert values[2] < right[2] / 1.2
    if counts[-1]:
        kind, backend, text = told["events"][0]
        assert (kind, backend) == ("verified-wrong", "npu")
        assert "'y'" in text


def test_who_cannot_be_held_against_anything_says_so_once(site: Site, tmp_path: Path) -> None:
    """No backend here can judge."""
    told = asked(site, save(tmp_path / "m.onnx"), [1, 400, 1], judge="")
    assert [kind for kind, _, _ in told["events"]] == ["note"]
    assert "not held against the CPU" in told["events"][0][2]


def test_the_magnitude_of_an_array() -> None:
    arrays = {
        "f": np.array([0.5, -3.0], np.float32),
        "i": np.array([[-(2**63)]], np.int64),
        "none": np.zeros(0, np.float32),
        "zero": np.zeros(2, np.float32),
        "inf": np.array([np.inf, 1], np.float32),
        "nan": np.array([np.nan, 1], np.float32),
        "text": np.array(["a"], object),
        "flag": np.array([True]),
    }
    found = magnitudes(arrays)
    assert (found["f"], found["i"], found["zero"]) == (2, 64, 0)
    assert found["inf"] == found["nan"] > 1024
    assert found.keys() == {"f", "i", "zero", "inf", "nan"}


def test_there_are_such_ways_to_verify(tmp_path: Path) -> None:
    with pytest.raises(zif.UsageError, match="off, first, outputs or units"):
        zif.load(save(tmp_path / "m.onnx"), verify="last")  # type: ignore[arg-type]
    zif.compile(tmp_path / "m.onnx", tmp_path / "m.zif", only=["qnn_cpu"], verify=False)
    with zif.load(tmp_path / "m.zif", verify="first") as session:
        assert session.events == []
