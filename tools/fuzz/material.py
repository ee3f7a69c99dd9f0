"""The valid files that are damaged: models of every kind, and what zif itself makes of some of them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.testing.nodetests import modules, node_tests

from tools.fuzz.runner import Runner
from tools.fuzz.world import Case

CHIP = "snapdragon-8-gen-3"
#: The key of the user who made the bundles, at its place: `--overwrite` replaces only what carries its seal.
KEY = {"~/.local/share/zif/seal.key": bytes(range(32))}
#: A private key for signatures, as `openssl genpkey -algorithm ed25519` writes one.
SIGNING = b"-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n" % b64encode(
    bytes.fromhex("302e020100300506032b657004220420") + bytes(range(32))
)
#: A network of Caffe, and its weights, for what is made of a source.
CAFFE = """name: "net"
input: "x"
input_shape { dim: 1 dim: 4 }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "a" inner_product_param { num_output: 4 } }
layer { name: "relu" type: "ReLU" bottom: "a" top: "y" }
"""
#: Bundles by name: the model, and what it is compiled with.
BUNDLES = {
    "cpu": ("mlp", ("--only", "qnn_cpu")),
    "reference": ("external", ("--only", "reference")),
    "both": ("mlp", ("--only", "qnn_cpu", "--only", "reference", "--pin", "relu=reference")),
    "gpu": ("mlp", ("-t", CHIP, "--only", "qnn_gpu")),
    "htp": ("qdq", ("-t", CHIP, "--only", "qnn_htp", "--only", "qnn_cpu")),
    "targets": ("batch", ("-t", "host", "-t", CHIP, "--only", "qnn_cpu", "--shape", "x=2,4")),
    "signed": ("mlp", ("--only", "qnn_cpu", "--sign", "key.pem")),
    "buckets": ("batch", ("--only", "qnn_cpu", "--shape", "x={1,2},4")),
    "source": ("caffe", ("--only", "qnn_cpu")),
}
#: Whoever shares a cache: the variables that say so, and the key that all have.
STORE = {"ZIF_CACHE": "file://{world}/work/store", "ZIF_CACHE_KEY": "{world}/home/team.key"}
TEAM = {"~/team.key": bytes(range(32, 64))}
_PLANS: tuple[tuple[str, tuple[str, ...]], ...] = (("mlp", ()), ("qdq", ("-t", CHIP)), ("shaped", ("-p", "memory")))


class Material:
    """What there is to damage; each thing is made when it is first asked for, alike for the same versions."""

    def __init__(self, runner: Runner) -> None:
        self._runner, self.models = runner, own_models()
        self._known: dict[tuple[str, ...], Any] = {}

    def model(self, rng: Random) -> onnx.ModelProto:
        """Any model: one of ours, or of ONNX's node tests."""
        if rng.random() < 0.25:
            return self.models[rng.choice(sorted(self.models))]
        return rng.choice(_of_onnx(rng.choice(_named())))

    def bundle(self, name: str) -> dict[str, bytes]:
        """The files of a bundle that zif has written."""
        model, words = BUNDLES[name]
        files = {**self._model(model), **KEY, "key.pem": SIGNING}
        case = Case(("compile", next(iter(files)), "-o", "out", "--no-verify", *words), files, {}, ("out",))
        return self._made(case, lambda _: _files(self._runner.world.work / "out"))

    def export(self, form: str) -> dict[str, bytes]:
        """The files of what is exported for ONNX Runtime: one model, or a package."""
        words = ("--for", form, "-t", CHIP, "--only", "qnn_htp", "--only", "qnn_cpu", "--no-verify", "-o")
        place = "out/m_ctx.onnx" if form == "onnxruntime" else "out"
        case = Case(("export", "m.onnx", *words, place), self._model("mlp"), {}, ("out",))
        return self._made(case, lambda _: _files(self._runner.world.work / "out"))

    def table(self) -> list[Any]:
        """The rows of a sweep."""
        words = ("sweep", "m.onnx", "-t", "host", "--precision", "float,w8a8", "--stage", "plan", "-o", "t.jsonl")
        case = Case(words, self._model("mlp"), {}, ("t.jsonl", "t.jsonl.models"))
        text = self._made(case, lambda _: (self._runner.world.work / "t.jsonl").read_text())
        return [json.loads(line) for line in text.splitlines()]

    def kept(self) -> dict[str, bytes]:
        """The folder that `drift --keep` writes."""
        case = Case(("drift", "m.onnx", "--keep", "kept", "--only", "qnn_cpu"), self._model("mlp"), {}, ("kept",))
        return self._made(case, lambda _: _files(self._runner.world.work / "kept"))

    def store(self) -> dict[str, bytes]:
        """A cache that machines share, with an entry."""
        words = ("run", "m.onnx", "--random", "0", "-t", CHIP, "--only", "qnn_htp", "--no-verify")
        case = Case(words, {**self._model("mlp"), **TEAM}, STORE, ("store",))
        return self._made(case, lambda _: _files(self._runner.world.work / "store"))

    def plan(self, rng: Random) -> Any:
        """A plan as `--json` writes it."""
        model, words = rng.choice(_PLANS)
        return self._made(Case(("plan", "m.onnx", "--json", *words), self._model(model)), json.loads)

    def cache(self) -> dict[str, bytes]:
        """The home of somebody with a cache that has an entry, and with a key."""
        words = ("run", "m.onnx", "--random", "0", "-t", CHIP, "--only", "qnn_htp", "--no-verify")
        got: dict[str, bytes] = self._made(Case(words, self._model("mlp")), lambda _: self._home())
        return got

    def _home(self) -> dict[str, bytes]:
        files = _files(self._runner.world.root / "home")
        return {f"~/{name}": content for name, content in files.items() if name.startswith((".cache", ".local"))}

    def _model(self, name: str) -> dict[str, bytes]:
        if name == "caffe":
            return {"net.prototxt": CAFFE.encode(), "net.caffemodel": _caffe()}
        return {"m.onnx": self.models[name].SerializeToString()}

    def _made(self, case: Case, read: Callable[[str], Any]) -> Any:
        """What is read of a command that was run once."""
        if case.arguments + tuple(case.environment) not in self._known:
            outcome = self._runner.run(case)
            if outcome.code:
                raise SystemExit(f"zif {' '.join(case.arguments)} fails on a valid model: {outcome.what} {outcome.err}")
            self._known[case.arguments + tuple(case.environment)] = read(outcome.out)
        return self._known[case.arguments + tuple(case.environment)]


def _caffe() -> bytes:
    from zif_caffe.messages import message

    made = message("WeightedNet")()
    row = made.layer.add(name="ip", type="InnerProduct")
    for shape in ((4, 4), (4,)):
        blob = row.blobs.add()
        blob.shape.dim.extend(shape)
        blob.data.append(np.ones(shape, "<f4").tobytes())
    return bytes(made.SerializeToString())


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@cache
def _named() -> list[str]:
    return sorted(name for name in modules() if not name.startswith("_"))


@cache
def _of_onnx(module: str) -> tuple[onnx.ModelProto, ...]:
    """The small models of a module; where there is none, its smallest."""
    models = sorted((test.model for test in node_tests([module])), key=lambda model: model.ByteSize())
    return tuple(model for model in models if model.ByteSize() < 8000) or tuple(models[:1])


def floats(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    """A float value of a shape."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def made(nodes: list[onnx.NodeProto], initializers: list[onnx.TensorProto], shape: list[int | str], **more: Any) -> Any:
    """A model from x to y, both of a shape."""
    graph = helper.make_graph(nodes, "g", [floats("x", shape)], [floats("y", shape)], initializers)
    sets = [helper.make_opsetid("", 20), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=10, **more)


def array(name: str, shape: tuple[int, ...], dtype: str = "float32") -> onnx.TensorProto:
    """A constant that counts up."""
    count = int(np.prod(shape))
    return numpy_helper.from_array((np.arange(count).reshape(shape) % 7).astype(dtype), name)


def own_models() -> dict[str, onnx.ModelProto]:
    """What node tests have none of: several nodes, weights, data in files, sparse ones, functions, QDQ."""
    node = helper.make_node
    mlp = [
        node("MatMul", ["x", "w"], ["m"], "mm"),
        node("Add", ["m", "b"], ["a"], "add"),
        node("Relu", ["a"], ["y"], "relu"),
    ]
    weights = [array("w", (4, 4)), array("b", (4,))]
    apart = array("w", (4, 4))
    apart.ClearField("raw_data")
    apart.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", "64"), ("length", "64")):
        apart.external_data.add(key=key, value=value)
    sparse = made([node("Mul", ["x", "s"], ["y"], "mul")], [], [1, 4])
    values, indices = array("s", (2,)), array("", (2,), "int64")
    sparse.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    inner = [node("Relu", ["a"], ["b"]), node("Neg", ["b"], ["c"])]
    twice = helper.make_function("local", "twice", ["a"], ["c"], inner, [helper.make_opsetid("", 20)])
    calls = [node("twice", ["x"], ["t"], "f", domain="local"), node("Relu", ["t"], ["y"], "r")]
    scale, zero = array("scale", ()), array("zero", (), "uint8")
    scale.raw_data = np.float32(0.1).tobytes()
    qdq = [
        node("QuantizeLinear", ["x", "scale", "zero"], ["q"], "q"),
        node("DequantizeLinear", ["q", "scale", "zero"], ["d"], "d"),
        node("MatMul", ["d", "w"], ["m"], "mm"),
        node("QuantizeLinear", ["m", "scale", "zero"], ["q2"], "q2"),
        node("DequantizeLinear", ["q2", "scale", "zero"], ["y"], "d2"),
    ]
    shaped = [
        node("Shape", ["x"], ["s"], "shape"),
        node("Reshape", ["x", "s"], ["r"], "re"),
        node("Softmax", ["r"], ["y"], "sm"),
    ]
    return {
        "mlp": made(mlp, weights, [1, 4]),
        "batch": made(mlp, weights, ["batch", 4]),
        "external": made(mlp, [apart, weights[1]], [1, 4]),
        "sparse": sparse,
        "function": made(calls, [], [1, 4], functions=[twice]),
        "qdq": made(qdq, [weights[0], scale, zero], [1, 4]),
        "shaped": made(shaped, [], [2, 4]),
    }
