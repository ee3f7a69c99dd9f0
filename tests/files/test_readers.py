"""Every reader of foreign files, with valid files that were damaged: a result or a sentence, and bounded memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged, spoiled
from onnx import TensorProto, helper, numpy_helper
from zif.backends.config import check
from zif.errors import ZifError
from zif.inputs import parse, read
from zif.inputs.lists import read_list
from zif.inputs.samples import samples_of
from zif.model import Model
from zif.model.encodings import reading
from zif.planning.costs.measured import read_rows
from zif.records import TensorInfo
from zif.targets import host, targets
from zif.testing.known_failures import read_known
from zif.verdicts import observed

FLOATS = TensorInfo("x", "tensor(float)", (2, 3))
ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


@frozen
class Format:
    """A file's name, something valid in it, and what reads it."""

    name: str
    content: bytes
    read: Callable[[Path], object]

    @property
    def document(self) -> Any:
        """The content as a document; None for what is none."""
        return json.loads(self.content) if self.name.endswith(".json") else None


def model() -> Model:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], "relu")], "g", value[:1], value[1:])
    return Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))


def saved(write: Callable[..., object], *arrays: Any, **named: Any) -> bytes:
    stream = io.BytesIO()
    write(stream, *arrays, **named)
    return stream.getvalue()


def picture(form: str) -> bytes:
    image = pytest.importorskip("PIL.Image").new("RGB", (5, 4), (1, 2, 3))
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def as_input(info: TensorInfo) -> Callable[[Path], object]:
    return lambda path: read(path, info)


def calibrate(path: Path) -> None:
    samples = samples_of(path, model())
    for position in range(min(3, len(samples))):
        samples[position]


def dump(document: Any) -> bytes:
    return json.dumps(document).encode()


ROW = {"bitwidth": 8, "scale": 0.1, "offset": -128, "min": -12.8, "max": 12.7, "is_symmetric": "False"}
AIMET2 = {"name": "x", "output_dtype": "uint8", "y_scale": [0.1, 0.2], "y_zero_point": [1, 2], "axis": 0}
TARGET = {
    "name": "mine",
    "aliases": ["m"],
    "machine": {},
    "processors": {"cpu": {"macs_per_s": {"fp32": 1e10}, "bytes_per_s": 5e9, "source": "bench"}},
    "sources": {"title": "the sheet"},
}
RULE = {"op_type": "Relu", "when": ["rank 4"], "code": "op", "reason": "no", "failed": 1, "examples": ["test"]}
MEASURED = {"backend": "b", "toolchain": "t", "units": ["u"], "us": 1.5, "parts": {"u": 1.5}}
PICTURE = TensorInfo("x", "tensor(float)", (1, 3, 4, 5))
SEQUENCE = numpy_helper.from_list([ARRAY, ARRAY]).SerializeToString()

NARROW = helper.make_tensor("x", onnx.TensorProto.INT4, [3], [1, 2, 3]).SerializeToString()
CHIP = b'[[target]]\nname = "x"\n[target.processors.cpu]\nmacs_per_s = { int8 = 5e12 }\nbytes_per_s = inf\n'
STEPS = {"resize": [4, 5], "scale": "1/255", "input": {"x": {"std": [1]}}}
KNOWN = b"[tool.zif.check.known-failures]\n'test_*' = 'why'\n"


def described(path: Path) -> object:
    return parse(str(path))


def of_targets(path: Path) -> object:
    return targets([path])


FORMATS = [
    Format("a.npy", saved(np.save, ARRAY), as_input(FLOATS)),
    Format("a.npz", saved(np.savez, x=ARRAY), as_input(FLOATS)),
    Format("b.npz", saved(np.savez_compressed, x=ARRAY), as_input(FLOATS)),
    Format("a.pb", numpy_helper.from_array(ARRAY).SerializeToString(), as_input(FLOATS)),
    Format("b.pb", SEQUENCE, as_input(TensorInfo("x", "seq(tensor(float))"))),
    Format("c.pb", NARROW, as_input(FLOATS)),
    Format("a.raw", ARRAY.tobytes(), as_input(FLOATS)),
    Format("value.json", dump(ARRAY.tolist()), as_input(FLOATS)),
    Format("words.json", dump(["a", "b"]), as_input(TensorInfo("x", "tensor(string)", (2,)))),
    *(Format(f"a.{form}", picture(form), as_input(PICTURE)) for form in ("png", "jpeg", "tiff", "gif", "bmp", "webp")),
    Format("cal.npy", saved(np.save, np.stack([ARRAY] * 4)), calibrate),
    Format("cal.npz", saved(np.savez, x=np.stack([ARRAY] * 4)), calibrate),
    Format("list.txt", b"x:=a.raw\n# no\nb.raw\n", lambda path: read_list(path, {"x": FLOATS})),
    Format("steps.toml", b"resize = [4, 5]\nscale = '1/255'\n[input.x]\nmean = [0.5, 0.5]\n", described),
    Format("steps.json", dump(STEPS), described),
    Format("qnn.json", dump({"activation_encodings": {"x": [ROW]}, "param_encodings": {"w": [ROW] * 2}}), reading.read),
    Format("aimet1.json", dump({"version": "1.0.0", "activation_encodings": [{"name": "x", **ROW}]}), reading.read),
    Format("aimet2.json", dump({"version": "2.0.0", "encodings": [AIMET2]}), reading.read),
    Format("targets.json", dump({"schema": "zif.targets/1", "targets": [TARGET]}), of_targets),
    Format("targets.toml", CHIP, of_targets),
    Format("config.json", dump({"qnn_cpu": {"num_threads": 2}, "reference": {}}), lambda path: check(path, host())),
    Format("observed.json", dump({"schema": "zif.observed/1", "toolchain": "t", "rules": [RULE]}), observed.load),
    Format("measured.json", dump({"schema": "zif.measured/1", "segments": [MEASURED]}), read_rows),
    Format("known.toml", KNOWN, lambda path: read_known(path, "b")),
]
NAMES = [one.name for one in FORMATS]


def tried(form: Format, content: bytes, folder: Path) -> None:
    """Read it: whatever comes of it, no exception but ours, and no more memory than a file of this size needs."""
    path = folder / form.name
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with suppress(ZifError):
            form.read(path)
        assert tracemalloc.get_traced_memory()[1] < (32 << 20) + 200 * len(content)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", FORMATS, ids=NAMES)
def test_the_valid_file_is_read(form: Format, tmp_path: Path) -> None:
    """But for the list and the configuration, which name what is not there."""
    (tmp_path / form.name).write_bytes(form.content)
    if form.name in ("list.txt", "config.json", "c.pb"):
        return
    form.read(tmp_path / form.name)


@pytest.mark.parametrize("form", FORMATS, ids=NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_spoiled_bytes(form: Format, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    tried(form, data.draw(spoiled(form.content)), tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("form", [one for one in FORMATS if one.name.endswith(".json")], ids=lambda one: one.name)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_documents(form: Format, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    document = data.draw(damaged(form.document))
    tried(form, json.dumps(document).encode(), tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("form", FORMATS, ids=NAMES)
def test_what_is_no_file_at_all(form: Format, tmp_path: Path) -> None:
    for content in (b"", b"\0" * 100, b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, form.content[:-1], b"\n" * 100):
        tried(form, content, tmp_path)
