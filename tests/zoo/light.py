"""Nine classic CNNs that the onnx package ships, each with the output it must give.

Their weights are ConstantOfShape nodes, so they know nothing: real graphs and real shapes, made-up numbers.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from zoo.entry import Arrays, Entry

#: The model → how many MB its weights become when it is opened.
SMALL = {"squeezenet": 5, "shufflenet": 6, "inception_v1": 28, "densenet121": 33, "inception_v2": 45, "resnet50": 102}
LARGE = {"bvlc_alexnet": 244, "zfnet512": 349, "vgg19": 575}


def _file(name: str) -> Path:
    spec = find_spec("onnx")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "backend/test/data/light" / f"light_{name}"


@cache
def _ends(name: str) -> tuple[onnx.ValueInfoProto, str]:
    """The one input that is no initializer, and the name of the output."""
    graph = onnx.load(f"{_file(name)}.onnx", load_external_data=False).graph
    inner = {weight.name for weight in graph.initializer}
    return next(value for value in graph.input if value.name not in inner), graph.output[0].name


def _ramp(name: str) -> Arrays:
    """What the stored output belongs to: 0 to 1 in even steps over the whole input."""
    value, _ = _ends(name)
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    return {value.name: (np.arange(count).reshape(shape) / count).astype(np.float32)}


def _agrees(name: str, outputs: Arrays) -> str:
    stored = onnx.TensorProto.FromString(Path(f"{_file(name)}_output_0.pb").read_bytes())
    expected, got = numpy_helper.to_array(stored), outputs[_ends(name)[1]]
    same = got.shape == expected.shape and np.allclose(got, expected, rtol=1e-3, atol=1e-7)
    return "the stored output" if same else f"off by {np.abs(got - expected).max()}"


def _entry(name: str) -> Entry:
    return Entry(
        f"light-{name.replace('_', '-')}",
        lambda: Path(f"{_file(name)}.onnx"),
        inputs=lambda: _ramp(name),
        check=lambda outputs: _agrees(name, outputs),
        expected="the stored output",
        licence="Apache-2.0",
        slow=name in LARGE,
    )


def entries() -> list[Entry]:
    return [_entry(name) for name in (*SMALL, *LARGE)]
