"""A model with open dimensions is held against its source in two sizes: an exporter may fix what looks open."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken import JUDGE
from fakes import GOOD, Site

#: y = 2 x over [n, 4], of any n that the file names; "fixed" where the exporter has put its example's size in.
TOY = """
from pathlib import Path
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import zif
from zif import hookimpl
from zif.plugin import Imported, Recognized


@hookimpl
def recognize(source):
    ours = isinstance(source, Path) and source.is_file() and source.read_bytes()[:3] == b"TOY"
    return Recognized("a toy", "toy 1.0", (str(source),)) if ours else None


@hookimpl
def convert(source, request, folder):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy")
    nodes = [helper.make_node("Add", ["x", "x"], ["sum"], "m"), helper.make_node("Identity", ["sum"], ["y"], "i")]
    constants = []
    if "fixed" in source.read_text():
        nodes[1] = helper.make_node("Reshape", ["sum", "size"], ["y"], "r")
        constants = [numpy_helper.from_array(np.array([3, 4]), "size")]
    if "first" in source.read_text():  # right in its first three rows alone
        nodes[1] = helper.make_node("Mul", ["sum", "mask"], ["y"], "r")
        nodes.insert(1, helper.make_node("Shape", ["x"], ["shape"], "shape", end=1))
        nodes.insert(2, helper.make_node("Equal", ["shape", "three"], ["is_three"], "e"))
        nodes.insert(3, helper.make_node("Cast", ["is_three"], ["mask"], "c", to=TensorProto.FLOAT))
        constants = [numpy_helper.from_array(np.array([3]), "three")]
    graph = helper.make_graph(nodes, "toy", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "made.onnx")
    return Imported("made.onnx", "toy exporter 1", 17, {"x": "x"}, {"y": "y"}, example={"x": (3, 4)})


@hookimpl
def run(source, request, inputs):
    taken = [int(word) for word in source.read_text().split() if word.isdigit()]
    if taken and len(inputs["x"]) not in taken:
        raise zif.InvalidModel("no such size")
    return {"y": inputs["x"] * np.float32(2)}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.add("cpu", GOOD + JUDGE)
    site.add("toy", TOY, group="zif.frontends")
    return site


def written(folder: Path, text: str) -> Path:
    path = folder / "net.toy"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "other"), [("TOY", "x=6,4"), ("TOY 3 4", "x=4,4"), ("TOY 3 2", "x=2,4")])
def test_it_is_compared_at_another_size_that_the_source_takes(
    site: Site, tmp_path: Path, text: str, other: str
) -> None:
    words = ["convert", written(tmp_path, text), "-o", tmp_path / "net.onnx"]
    assert site.zif(*words, "--json").json["check"]["resized"] == other
    assert f"made from seeds, and with {other}" in " ".join(site.zif(*words, "--overwrite").out.split())


def test_a_source_of_one_size_says_so(site: Site, tmp_path: Path) -> None:
    done = site.zif("convert", written(tmp_path, "TOY 3"), "-o", tmp_path / "net.onnx")
    assert "at one size: its source took no other" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [("TOY fixed", "with x=6,4, which the source takes: "), ("TOY first", "with x=6,4, output 'y' is")],
)
def test_what_only_looks_open_is_refused(site: Site, tmp_path: Path, text: str, said: str) -> None:
    done = site.zif("convert", written(tmp_path, text), "-o", tmp_path / "net.onnx")
    assert (done.code, "Traceback" in done.err) == (1, False)
    assert said in " ".join(done.err.split())
    assert not (tmp_path / "net.onnx").exists()
