"""The honest backend that every mutant is made of."""

from __future__ import annotations

HONEST = """
import attrs, numpy as np, onnx, zif
from onnx.reference import ReferenceEvaluator
from zif import Capabilities, Compiled, OpClaim, TensorInfo, declared, hookimpl

FLOAT = dict.fromkeys("TV", frozenset({"tensor(float)"}))
OPS = ("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Identity", "Add", "Sub", "Mul", "Max", "Min", "MatMul", "Conv")
CLAIMS = tuple(OpClaim(op, types=FLOAT) for op in OPS)


@attrs.frozen
class Options:
    factor: float = attrs.field(default=1.0, metadata={"help": "what every output is multiplied by"})
    decimals: int | None = attrs.field(default=None, metadata={"help": "what every output is rounded to"})


def described(model):
    verdicts = {} if model is None else declared(model, CLAIMS, engine="the mutant")
    return Capabilities("cpu", toolchain="mutant 1", ops=CLAIMS, options=Options, verdicts=verdicts)


@hookimpl
def capabilities(target, model):
    return described(model)


def packed(converted, options):
    data = converted.data.proto.SerializeToString()
    files = {"m": data, **converted.data.external_files()}
    return Compiled("mutant", files, "m", converted.inputs, converted.outputs)


def place_weights(model, files):
    for tensor in model.graph.initializer:
        where = {entry.key: entry.value for entry in tensor.external_data}
        if where:
            data = files[where["location"]].read_bytes()
            start = int(where.get("offset", 0))
            tensor.raw_data = data[start : start + int(where.get("length", len(data)))]
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]


@hookimpl
def compile(converted, options):
    return packed(converted, options)


@hookimpl
def load(compiled, options):
    if compiled.format != "mutant":
        raise zif.StageFailed(f"not an artifact of this backend: {compiled.format}")
    return Run(compiled, options)


class Run:
    def __init__(self, compiled, options):
        content = compiled.files[compiled.main]
        try:
            self.model = onnx.load_model_from_string(content if isinstance(content, bytes) else content.read_bytes())
            place_weights(self.model, compiled.files)
        except Exception as error:
            raise zif.StageFailed(f"the artifact cannot be read: {error}") from error
        self.names = [value.name for value in self.model.graph.output]
        self.engine = ReferenceEvaluator(self.model)
        self.factor, self.decimals = options.factor, options.decimals

    def compute(self, inputs):
        return dict(zip(self.names, map(self.finished, self.engine.run(self.names, dict(inputs)))))

    def finished(self, value):
        if not isinstance(value, np.ndarray):
            return value
        value = np.array(value) if self.factor == 1 else np.array(value * np.float32(self.factor))
        return value if self.decimals is None else np.round(value, self.decimals)

    def run(self, inputs):
        return self.compute(inputs)

    def close(self):
        pass
"""
