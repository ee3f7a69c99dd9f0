"""Random graphs of a few operators on HTP beside the CPU: what goes wrong in company only.

    python benchmarks/company.py [--precision float w8a8 w8a16] [--first 0] [--count 100]

Each graph is quantized with random data, run on Qualcomm's emulator and on the CPU reference, and held against the
float model. Told are graphs where HTP is worse than the reference by 4 dB and more; what was found so far is in
docs/decisions/0010. The seed gives the graph again: `--first SEED --count 1 --show`. Exits with 1 where one is odd.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import zif
from attrs import define, field
from onnx import TensorProto, helper, numpy_helper
from zif_quantize import auto_quantize, prepare
from zif_quantize.measure import Judge, Reference

TARGET = "snapdragon-8-gen-3"
os.environ.setdefault("ZIF_DEADLINE", "300")  # the machine may be busy
SHAPE = (1, 4, 8, 8)
#: What a graph may begin with: ranks, sizes of 1, short and long rows, narrow pictures.
SHAPES = (
    SHAPE,
    SHAPE,
    (1, 4, 1, 8),
    (1, 4, 16, 4),
    (2, 3, 7, 9),
    (1, 4, 16),
    (1, 1, 8),
    (1, 6, 24),
    (1, 12),
    (1, 2, 4, 4, 4),
)
#: Better than this many dB is right, whatever the reference has.
GOOD = {"float": 35.0, "w8a8": 28.0, "w8a16": 45.0}
ATTENTION = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", nargs="*", default=list(GOOD))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--any-seed", action="store_true", help="begin at a seed that the clock gives, and say it")
    arguments = parser.parse_args()
    if arguments.any_seed:
        arguments.first = int(time.time()) % 100_000_000
        print(f"first seed {arguments.first}", flush=True)
    total = 0
    for precision in arguments.precision:
        odd = 0
        for seed in range(arguments.first, arguments.first + arguments.count):
            model = Drawing(np.random.default_rng(seed)).model()
            told = judged(model, seed, precision)
            odd += bool(told)
            if told or arguments.show:
                kinds = [node.op_type for node in model.graph.node]
                print(f"{precision} {seed}: {told or 'fine'}  {' '.join(kinds)}", flush=True)
            if arguments.show:
                print(onnx.printer.to_text(model))
        print(f"{precision}: {odd} of {arguments.count} graphs are odd", flush=True)
        total += odd
    raise SystemExit(bool(total))


def judged(proto: onnx.ModelProto, seed: int, precision: str) -> str:
    """What is odd about a graph on HTP; "" for nothing."""
    chance = np.random.default_rng(seed + 1_000_000)
    shape = [side.dim_value for side in proto.graph.input[0].type.tensor_type.shape.dim]
    samples = [{"x": chance.standard_normal(shape).astype(np.float32)} for _ in range(4)]
    try:
        model = prepare(proto, rules="qnn_htp")
        judge = Judge(model, samples)
        made = model.proto if precision == "float" else auto_quantize(model, samples, precision, search=False).model
        wanted = judge.sqnr(Reference(made))
        halves = judge.sqnr(_Halves(made))  # a float that becomes a whole number in fp16: what that must cost
        wanted = {name: min(ratio, halves[name]) for name, ratio in wanted.items()}
        with _on_htp(made) as htp:
            db = judge.sqnr(htp)
    except zif.ZifError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
    db = {name: ratio for name, ratio in db.items() if wanted[name] != float("inf")}  # nothing but zeros
    if not db:
        return ""
    worst = max(db, key=lambda name: min(wanted[name], GOOD[precision]) - db[name])
    if db[worst] < min(wanted[worst], GOOD[precision]) - ATTENTION:
        return f"{worst} has {db[worst]:.1f} dB on HTP, {wanted[worst]:.1f} on the reference"
    return ""


class _Halves(Reference):
    """The reference given what fp16 makes of the inputs."""

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return super().run({name: value.astype(np.float16).astype(np.float32) for name, value in inputs.items()})


def _on_htp(proto: onnx.ModelProto) -> zif.Session:
    """With every unit on HTP that it takes; a conversion that is not taken alone goes where the plan has it."""
    pins = _pins(proto)
    wanted: dict[str, Any] = {"target": TARGET, "exclude": ("reference",), "policy": "power"}
    wanted |= {"cache": False, "verify": "off"}
    try:
        return zif.load(proto, pin=pins, **wanted)
    except zif.Unsupported:
        ends = {node.name for node in proto.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")}
        return zif.load(proto, pin={unit: backend for unit, backend in pins.items() if unit not in ends}, **wanted)


def _pins(proto: onnx.ModelProto) -> dict[str, str]:
    """Every unit that HTP takes there."""
    plan = zif.plan(proto, target=TARGET, exclude=("reference",))
    for candidate in plan.candidates:
        if candidate.name == "qnn_htp" and not candidate.takes_part:
            raise zif.BackendUnavailable(candidate.reason)
    return {unit.name: "qnn_htp" for unit in plan.units if unit.verdicts["qnn_htp"].supported}


@define
class Drawing:
    """A random graph as it grows: nodes, constants, and the values there are with their shapes."""

    chance: np.random.Generator
    nodes: list[onnx.NodeProto] = field(factory=list)
    constants: list[onnx.TensorProto] = field(factory=list)
    values: list[tuple[str, tuple[int, ...]]] = field(factory=lambda: [("x", SHAPE)])

    def model(self) -> onnx.ModelProto:
        """Four to ten operators; what nobody reads is an output."""
        begun = SHAPES[self.chance.integers(len(SHAPES))]
        self.values[0] = ("x", begun)
        wanted = int(self.chance.integers(4, 11))
        while len(self.nodes) < wanted:
            place = int(len(self.values) * np.sqrt(self.chance.random()))  # later values more often than earlier ones
            name, shape = self.values[min(place, len(self.values) - 1)]
            MAKERS[self.chance.integers(len(MAKERS))](self, name, shape)
        read = {name for node in self.nodes for name in node.input}
        ends = [(name, shape) for name, shape in self.values if name not in read and name != "x"]
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in [("x", begun), *ends]]
        graph = helper.make_graph(self.nodes, "company", infos[:1], infos[1:], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, *shape: int, scale: float = 0.4) -> str:
        return self.constant(self.chance.standard_normal(shape).astype(np.float32) * np.float32(scale))

    def add(self, op_type: str, inputs: Sequence[str], *shapes: Sequence[int], **attributes: Any) -> None:
        count = len(self.nodes)
        outputs = [f"v{count}{'abc'[k] if len(shapes) > 1 else ''}" for k in range(len(shapes))]
        self.nodes.append(helper.make_node(op_type, inputs, outputs, f"{op_type}_{count}", **attributes))
        self.values += [(name, tuple(int(side) for side in shape)) for name, shape in zip(outputs, shapes, strict=True)]


Shape = tuple[int, ...]
Maker = Callable[[Drawing, str, Shape], None]


def _same(*kinds: str, **attributes: Any) -> Maker:
    def make(d: Drawing, x: str, s: Shape) -> None:
        d.add(str(d.chance.choice(kinds)), [x], s, **attributes)

    return make


def _conv(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 4 and min(s[2:]) >= 3:
        out, side = int(d.chance.choice([2, 4, 6])), int(d.chance.choice([1, 3]))
        pad = int(d.chance.integers(2)) if side == 3 else 0
        sides = [n + 2 * pad - side + 1 for n in s[2:]]
        d.add("Conv", [x, d.weights(out, s[1], side, side), d.weights(out)], (s[0], out, *sides), pads=[pad] * 4)


def _row(d: Drawing, x: str, s: Shape) -> None:
    """A convolution over rows, as wide as they let it be, dilated now and then."""
    if (len(s) == 3 and s[2] >= 3) or (len(s) == 4 and s[3] >= 3):
        side = int(d.chance.choice([3, 5, 7, 9]))
        step = int(d.chance.choice([1, 1, 2]))
        out, pad, pictures = int(d.chance.choice([2, 4])), (side - 1) * step // 2, len(s) == 4
        weights = d.weights(out, s[1], *([1] if pictures else []), side)
        pads = [0, pad, 0, pad] if pictures else [pad, pad]
        rest = {"dilations": [1, step] if pictures else [step]}
        d.add("Conv", [x, weights, d.weights(out)], (1 * s[0], out, *s[2:]), pads=pads, **rest)


def _average(d: Drawing, x: str, s: Shape) -> None:
    """Over padding that counts or does not."""
    if len(s) in (3, 4) and min(s[2:]) >= 3:
        rest = {"kernel_shape": [3] * (len(s) - 2), "pads": [1] * (2 * len(s) - 4)}
        d.add("AveragePool", [x], s, count_include_pad=int(d.chance.integers(2)), **rest)


def _gate(d: Drawing, x: str, s: Shape) -> None:
    d.add("MatMul", [x, d.weights(s[-1], 8)], (*s[:-1], 8))
    d.add(str(d.chance.choice(["Sigmoid", "Tanh", "Softplus"])), [d.values[-1][0]], (*s[:-1], 8))


def _shared(d: Drawing, x: str, s: Shape) -> None:
    """One weight with two readers."""
    weight = d.weights(s[-1], s[-1])
    d.add("MatMul", [x, weight], s)
    d.add("MatMul", [d.values[-1][0], weight], s)


def _normalized(d: Drawing, x: str, s: Shape) -> None:
    """A layer norm as it is spelled out."""
    if len(s) >= 2 and s[-1] >= 4:
        axis = d.constant(np.array([-1]))
        d.add("ReduceMean", [x, axis], (*s[:-1], 1), keepdims=1)
        d.add("Sub", [x, d.values[-1][0]], s)
        middle = d.values[-1][0]
        d.add("Mul", [middle, middle], s)
        d.add("ReduceMean", [d.values[-1][0], axis], (*s[:-1], 1), keepdims=1)
        d.add("Add", [d.values[-1][0], d.constant(np.float32(1e-5))], (*s[:-1], 1))
        d.add("Sqrt", [d.values[-1][0]], (*s[:-1], 1))
        d.add("Div", [middle, d.values[-1][0]], s)


def _recurrent(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 3 and s[1] <= 16:
        kind, gates = (("LSTM", 4), ("GRU", 3))[d.chance.integers(2)]
        weights = [d.weights(1, gates * 4, s[2]), d.weights(1, gates * 4, 4), d.weights(1, gates * 8)]
        d.add("Transpose", [x], (s[1], s[0], s[2]), perm=[1, 0, 2])
        d.add(kind, [d.values[-1][0], *weights], (s[1], 1, s[0], 4), hidden_size=4)


def _from_the_end(d: Drawing, x: str, s: Shape) -> None:
    """Rows chosen by computed indices, some of them counted from the end."""
    if s[-1] >= 4:
        d.add("Gather", [x, d.constant(np.array([-1, 0, -s[-1]]))], (*s[:-1], 3), axis=len(s) - 1)


def _cast(d: Drawing, x: str, s: Shape) -> None:
    """To whole numbers and back; the integers are no value that others take."""
    name = f"i{len(d.nodes)}"
    d.nodes.append(helper.make_node("Cast", [x], [name], f"Cast_{len(d.nodes)}", to=TensorProto.INT32))
    d.add("Cast", [name], s, to=TensorProto.FLOAT)


def _far(d: Drawing, x: str, s: Shape) -> None:
    """Magnitudes far from 1."""
    d.add("Mul", [x, d.constant(np.float32(d.chance.choice([1e-3, 0.03, 30, 300])))], s)


def _depthwise(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 4 and min(s[2:]) >= 3:
        d.add("Conv", [x, d.weights(s[1], 1, 3, 3), d.weights(s[1])], s, pads=[1] * 4, group=s[1])


def _two(d: Drawing, x: str, s: Shape) -> None:
    others = [name for name, shape in d.values if shape == s]
    d.add(str(d.chance.choice(["Add", "Mul", "Sub"])), [x, others[d.chance.integers(len(others))]], s)


def _scaled(d: Drawing, x: str, s: Shape) -> None:
    factor = np.float32(d.chance.uniform(0.5, 4) * d.chance.choice([-1, 1]))
    d.add(str(d.chance.choice(["Add", "Mul", "Div"])), [x, d.constant(factor)], s)


def _concat(d: Drawing, x: str, s: Shape) -> None:
    axis = int(d.chance.integers(1, len(s)))
    fits = [row for row in d.values if row[1][:axis] + row[1][axis + 1 :] == s[:axis] + s[axis + 1 :]]
    fits = [row for row in fits if len(row[1]) == len(s) and row[1][axis] + s[axis] <= 64]
    if fits:
        other, shape = fits[d.chance.integers(len(fits))]
        d.add("Concat", [x, other], (*s[:axis], s[axis] + shape[axis], *s[axis + 1 :]), axis=axis)


def _slice(d: Drawing, x: str, s: Shape) -> None:
    axis = int(d.chance.integers(1, len(s)))
    if s[axis] > 2:
        start = int(d.chance.integers(0, s[axis] - 2))
        end = int(d.chance.integers(start + 2, s[axis] + 1))
        bounds = [d.constant(np.array([n], np.int64)) for n in (start, end, axis)]
        d.add("Slice", [x, *bounds], (*s[:axis], end - start, *s[axis + 1 :]))


def _split(d: Drawing, x: str, s: Shape) -> None:
    axis = int(d.chance.integers(1, len(s)))
    if s[axis] % 2 == 0:
        half = (*s[:axis], s[axis] // 2, *s[axis + 1 :])
        d.add("Split", [x], half, half, axis=axis, num_outputs=2)


def _gather(d: Drawing, x: str, s: Shape) -> None:
    axis = int(d.chance.integers(1, len(s)))
    if s[axis] >= 2:
        places = d.chance.permutation(s[axis])[:2].astype(np.int64)
        d.add("Gather", [x, d.constant(places)], (*s[:axis], 2, *s[axis + 1 :]), axis=axis)


def _reshape(d: Drawing, x: str, s: Shape) -> None:
    forms: list[Shape] = [(1, int(np.prod(s))), (*s[:2], int(np.prod(s[2:])))]
    if len(s) == 3 and s[2] % 4 == 0:
        forms.append((*s[:2], s[2] // 4, 4))
    form = forms[d.chance.integers(len(forms))]
    d.add("Reshape", [x, d.constant(np.array(form, np.int64))], form)


def _transpose(d: Drawing, x: str, s: Shape) -> None:
    if len(s) >= 3:
        order = [0, *(1 + d.chance.permutation(len(s) - 1))]
        d.add("Transpose", [x], [s[k] for k in order], perm=[int(k) for k in order])


def _pool(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 4 and min(s[2:]) >= 2:
        stride = int(d.chance.integers(1, 3)) if s[2] % 2 == 0 and s[3] % 2 == 0 else 1
        sides = [(n - 2) // stride + 1 for n in s[2:]]
        kind = str(d.chance.choice(["MaxPool", "AveragePool"]))
        d.add(kind, [x], (*s[:2], *sides), kernel_shape=[2, 2], strides=[stride] * 2)


def _blocks(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 4 and s[1] % 4 == 0:
        d.add("DepthToSpace", [x], (s[0], s[1] // 4, s[2] * 2, s[3] * 2), blocksize=2)
    elif len(s) == 4 and s[2] % 2 == 0 and s[3] % 2 == 0 and s[1] <= 8:
        d.add("SpaceToDepth", [x], (s[0], s[1] * 4, s[2] // 2, s[3] // 2), blocksize=2)


def _resize(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 4 and max(s[2:]) <= 8:
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        factors = d.constant(np.array([1, 1, 2, 2], np.float32))
        d.add("Resize", [x, "", factors], (*s[:2], s[2] * 2, s[3] * 2), **how)


def _clip(d: Drawing, x: str, s: Shape) -> None:
    low, high = d.chance.uniform(-1, 0), d.chance.uniform(0.5, 6)
    d.add("Clip", [x, d.constant(np.float32(low)), d.constant(np.float32(high))], s)


def _pad(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 4:
        d.add("Pad", [x, d.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1]))], (*s[:2], s[2] + 2, s[3] + 2))


def _matmul(d: Drawing, x: str, s: Shape) -> None:
    d.add("MatMul", [x, d.weights(s[-1], 6)], (*s[:-1], 6))


def _mean(d: Drawing, x: str, s: Shape) -> None:
    if len(s) == 4 and d.chance.random() < 0.5:
        d.add("GlobalAveragePool", [x], (*s[:2], 1, 1))
    elif len(s) >= 3:
        d.add("ReduceMean", [x, d.constant(np.array([-1]))], (*s[:-1], 1), keepdims=1)


MAKERS: tuple[Maker, ...] = (
    *(_conv, _conv, _depthwise, _two, _two, _scaled, _concat, _concat, _slice, _split, _gather, _reshape, _reshape),
    *(_transpose, _transpose, _pool, _blocks, _resize, _clip, _pad, _matmul, _mean),
    _same("Relu", "Sigmoid", "Tanh", "HardSwish", "Gelu", "Abs", "Neg"),
    _same("LeakyRelu", alpha=0.1),
    _same("Softmax", axis=-1),
    *(_row, _average, _gate, _shared, _normalized, _recurrent, _from_the_end, _cast, _far),
)


if __name__ == "__main__":
    main()
