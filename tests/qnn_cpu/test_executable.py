"""Loading and running on ONNX Runtime: external weights, lowered optimizations, every kind of value, binding."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
import zif
from attrs import evolve
from onnx import TensorProto, helper, numpy_helper, parser
from zif.errors import StageFailed, ZifError
from zif.plugin import element_type
from zif.records import Compiled, SupportsBinding
from zif_qnn_cpu import sessions
from zif_qnn_cpu.executable import CpuSession
from zif_qnn_cpu.options import Options
from zif_qnn_cpu.sessions import common_folder

Array = np.ndarray[Any, Any]
HOST = zif.target("host")
FOREIGN = ["bfloat16", "float8_e4m3fn", "float8_e5m2fnuz", "int4", "uint4"]
FOREIGN += [pytest.param(name, marks=pytest.mark.needs(dtype=name)) for name in ("int2", "uint2")]


def parsed(text: str, opset: int = 18) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 9, opset_import: ["" : {opset}]> {text}')


def compiled(model: Any) -> Compiled:
    backend = zif.backend("qnn_cpu")
    return backend.compile(backend.convert(zif.Model.load(model), HOST, None), HOST, None)


def load(model: Any, options: Options | None = None) -> CpuSession:
    given = model if isinstance(model, Compiled) else compiled(model)
    executable = zif.backend("qnn_cpu").load(given, options or Options(num_threads=1))
    assert isinstance(executable, CpuSession)
    return executable


def external(folder: Path, names: Mapping[str, str]) -> Path:
    """y = x + a + b, each weight in the file that is named for it, after eight other bytes."""
    tensors = []
    for number, (name, location) in enumerate(names.items()):
        raw = np.full(3, number + 1, np.float32).tobytes()
        (folder / location).parent.mkdir(parents=True, exist_ok=True)
        (folder / location).write_bytes(bytes(8) + raw)
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
        for key, value in {"location": location, "offset": "8", "length": str(len(raw))}.items():
            tensor.external_data.add(key=key, value=value)
        tensors.append(tensor)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
    nodes = [helper.make_node("Add", ["x", "a"], ["s"]), helper.make_node("Add", ["s", "b"], ["y"])]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), folder / "m.onnx")
    return folder / "m.onnx"


ONES = np.ones(3, np.float32)
ONE_FILE, TWO_FILES = {"a": "w.bin", "b": "w.bin"}, {"a": "one/a.bin", "b": "two/deep/b.bin"}


@pytest.mark.parametrize("names", [TWO_FILES, {"a": "a.bin", "b": "b.bin"}])
def test_external_weights_beside_the_model(tmp_path: Path, names: Mapping[str, str]) -> None:
    """The model in memory, its weights where they are: the folder is handed to the engine."""
    given = compiled(external(tmp_path, names))
    assert isinstance(given.files[given.main], bytes)
    assert common_folder({n: f for n, f in given.files.items() if n != given.main}) == tmp_path.resolve()
    np.testing.assert_array_equal(load(given).run({"x": ONES})["y"], [4, 4, 4])


def test_external_weights_of_a_slice(tmp_path: Path) -> None:
    model = zif.Model.load(external(tmp_path, TWO_FILES))
    part = model.slice([model.units[1].id], "part")
    given = compiled(part)
    assert list(given.files) == [given.main, "two/deep/b.bin"]
    np.testing.assert_array_equal(load(given).run({"s": ONES})["y"], [3, 3, 3])


def test_everything_in_one_folder_is_opened_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a bundle: main file and weights side by side."""
    model = external(tmp_path, TWO_FILES)
    opened: list[Any] = []
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda source, *a, **k: opened.append(source) or real(source, *a, **k)
    )
    given = compiled(model)
    (tmp_path / "main.onnx").write_bytes(given.files[given.main])  # type: ignore[arg-type]
    executable = load(evolve(given, files={**given.files, given.main: tmp_path / "main.onnx"}))
    assert opened == [str(tmp_path / "main.onnx")]
    np.testing.assert_array_equal(executable.run({"x": ONES})["y"], [4, 4, 4])


@pytest.mark.parametrize("main_as_path", [True, False])
def test_main_file_in_another_folder(tmp_path: Path, main_as_path: bool) -> None:
    given = compiled(external(tmp_path / "model", TWO_FILES))
    (tmp_path / "cache.onnx").write_bytes(given.files[given.main])  # type: ignore[arg-type]
    main = tmp_path / "cache.onnx" if main_as_path else given.files[given.main]
    executable = load(evolve(given, files={**given.files, given.main: main}))
    np.testing.assert_array_equal(executable.run({"x": ONES})["y"], [4, 4, 4])


@pytest.mark.parametrize("in_memory", [True, False])
def test_weights_scattered_over_folders(tmp_path: Path, in_memory: bool) -> None:
    """Not under their own names anywhere: mapped and handed over, or given as bytes."""
    given = compiled(external(tmp_path / "model", TWO_FILES))
    moved: dict[str, Any] = {given.main: given.files[given.main]}
    for number, name in enumerate(TWO_FILES.values()):
        place = tmp_path / f"elsewhere-{number}.dat"
        place.write_bytes(given.files[name].read_bytes())  # type: ignore[union-attr]
        moved[name] = place.read_bytes() if in_memory else place
    np.testing.assert_array_equal(load(evolve(given, files=moved)).run({"x": ONES})["y"], [4, 4, 4])


@pytest.mark.slow
def test_weights_beyond_two_gigabytes(tmp_path: Path) -> None:
    """A sparse file of 2.2 GB, its last row set: more than a protobuf can hold, and it is never read in Python."""
    rows, columns = 550_000, 1_000
    with (tmp_path / "w.bin").open("wb") as stream:
        stream.seek((rows - 1) * columns * 4)
        stream.write(np.full(columns, 7, np.float32).tobytes())
    tensor = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[rows, columns], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="w.bin")
    index = helper.make_tensor_value_info("i", TensorProto.INT64, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, columns])
    graph = helper.make_graph([helper.make_node("Gather", ["w", "i"], ["y"])], "g", [index], [y], [tensor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "m.onnx")
    with zif.load(tmp_path / "m.onnx", only=["qnn_cpu"], cache=False) as session:
        assert session.run({"i": np.array([rows - 1])})["y"].tolist() == [[7.0] * columns]


def test_optimizations_are_lowered_when_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    real, tried = onnxruntime.InferenceSession, []

    def failing(source: Any, options: Any, **more: Any) -> Any:
        tried.append(options.graph_optimization_level)
        if len(tried) < 3:
            raise RuntimeError("Attempt to replace the existing tensor")
        return real(source, options, **more)

    model = parsed("g (float[3] x) => (float[3] y) { y = Relu(x) }")
    zif.load(model, only=["qnn_cpu"], cache=False).close()  # what the engine opens is asked of it once in a process
    monkeypatch.setattr(onnxruntime, "InferenceSession", failing)
    executable = load(model)
    levels = list(sessions._LEVELS.values())
    assert tried == levels[:3]
    assert executable.notes == ("graph optimizations lowered to 'basic': Attempt to replace the existing tensor",)
    tried.clear()
    with zif.load(model, only=["qnn_cpu"], cache=False) as session:
        assert [(event.kind, event.backend) for event in session.events] == [("note", "qnn_cpu")]


def test_a_model_that_cannot_be_opened_says_what_the_engine_said() -> None:
    given = compiled(parsed("g (float[3] x) => (float[3] y) { y = Relu(x) }"))
    with pytest.raises(StageFailed, match="cannot open the segment: .*INVALID_PROTOBUF"):
        load(evolve(given, files={given.main: b"\x08\x09garbage"}))


def test_outputs_are_fresh_and_constants_safe() -> None:
    model = parsed("g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1, 2}> { z = Add(x, w) y = Identity(z) }")
    executable, x = load(model), np.zeros(2, np.float32)
    first = executable.run({"x": x})
    first["y"][:] = 99
    second = executable.run({"x": x})
    assert second["y"].tolist() == second["z"].tolist() == [1, 2]
    assert first["z"].tolist() == [1, 2]
    assert x.tolist() == [0, 0]


def cast(name: str, there: bool) -> onnx.ModelProto:
    """A cast between float and a type that numpy lacks."""
    kind = element_type(name)
    kinds = (TensorProto.FLOAT, kind) if there else (kind, TensorProto.FLOAT)
    values = [helper.make_tensor_value_info(n, k, [2, 3]) for n, k in zip("xy", kinds, strict=True)]
    graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=kinds[1])], "g", values[:1], values[1:])
    opset, ir_version = (25, 13) if name in ("int2", "uint2") else (21, 10)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


VALUES = np.array([[0, 1, 0], [1, 1, 0]], np.float32)


@pytest.mark.parametrize("name", FOREIGN)
def test_types_beyond_numpy(name: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name))
    given = load(cast(name, True)).run({"x": VALUES})["y"]
    assert given.dtype == dtype
    np.testing.assert_array_equal(given.astype(np.float32), VALUES)
    np.testing.assert_array_equal(load(cast(name, False)).run({"x": given})["y"], VALUES)
    np.testing.assert_array_equal(load(cast(name, False)).run({"x": np.asfortranarray(given)})["y"], VALUES)


def test_scalars_keep_their_rank() -> None:
    model = parsed("g (bfloat16 x, float z) => (bfloat16 y, float w) { y = Identity(x) w = Neg(z) }")
    x = np.array(1.5, ml_dtypes.bfloat16)
    outputs = load(model).run({"x": x, "z": np.array(2, np.float32)})
    assert (outputs["y"].shape, outputs["y"].item(), outputs["w"].shape) == ((), 1.5, ())


def test_sequences_strings_maps_and_empty_optionals() -> None:
    a, b = np.zeros(2, np.float32), np.ones(2, np.float32)
    y = load(parsed("g (float[2] a, float[2] b) => (seq(float[2]) y) { y = SequenceConstruct(a, b) }")).run(
        {"a": a, "b": b}
    )
    assert [item.tolist() for item in y["y"]] == [[0, 0], [1, 1]]
    at = parsed("g (seq(float[2]) s, int64 i) => (float[2] y) { y = SequenceAt(s, i) }")
    assert load(at).run({"s": [a, b], "i": np.array(1)})["y"].tolist() == [1, 1]
    strings = parsed("g (string[2] x) => (string[2] y) { y = Identity(x) }")
    assert load(strings).run({"x": np.array(["a", "é"], object)})["y"].tolist() == ["a", "é"]
    has = parsed("g (optional(float[2]) o) => (bool y) { y = OptionalHasElement(o) }")
    assert load(has).run({"o": None})["y"].item() is False


def test_maps() -> None:
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"])
    kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs = [onnx.ValueInfoProto(name="y", type=helper.make_sequence_type_proto(kind))]
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])], outputs)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    assert load(model).run({"x": np.array([[0.25, 0.75]], np.float32)})["y"] == [{"no": 0.25, "yes": 0.75}]


TWO = "g (float[4] a, float[4] b) => (float[4] s, float[4] d) { s = Add(a, b) d = Sub(a, b) }"


def test_binding_reads_and_writes_in_place() -> None:
    executable = load(parsed(TWO))
    assert isinstance(executable, SupportsBinding)
    a, b, s, d = (np.zeros(4, np.float32) for _ in range(4))
    run = executable.bind({"a": a, "b": b}, {"s": s, "d": d})
    for number in range(3):
        a[:], b[:] = number, 1
        assert run({}) == {}
        assert s.tolist() == [number + 1] * 4
        assert d.tolist() == [number - 1] * 4


@pytest.mark.parametrize("bound", ["s", "d"])
def test_free_outputs_are_fresh_on_every_run(bound: str) -> None:
    free = "d" if bound == "s" else "s"
    a, b, memory = np.zeros(4, np.float32), np.ones(4, np.float32), np.zeros(4, np.float32)
    run = load(parsed(TWO)).bind({"a": a}, {bound: memory})
    sign = {"s": 1, "d": -1}
    kept = []
    for number in range(10):
        a[:] = number
        kept.append(run({"b": b})[free])
        assert memory.tolist() == [number + sign[bound]] * 4
    assert [values[0] for values in kept] == [number + sign[free] for number in range(10)]
    assert not any(np.shares_memory(one, other) for one, other in pairwise(kept))


def test_free_inputs_that_are_not_contiguous() -> None:
    wide, s = np.arange(8, dtype=np.float32), np.zeros(4, np.float32)
    run = load(parsed(TWO)).bind({"a": np.zeros(4, np.float32)}, {"s": s})
    run({"b": wide[::2]})
    assert s.tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("free", ["x", "y", ""])
def test_binding_types_beyond_numpy(name: str, free: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name))
    for there in (True, False):
        x = VALUES if there else VALUES.astype(dtype)
        y = np.zeros((2, 3), dtype if there else np.float32)
        run = load(cast(name, there)).bind({} if free == "x" else {"x": x}, {} if free == "y" else {"y": y})
        outputs = run({"x": x} if free == "x" else {})
        result = outputs["y"] if free == "y" else y
        assert result.dtype == y.dtype
        np.testing.assert_array_equal(result.astype(np.float32), VALUES)


def test_binding_beside_values_that_are_no_tensors() -> None:
    model = parsed(
        "g (float[2] a, seq(float[2]) s) => (float[2] y, seq(float[2]) t) { y = Neg(a) t = SequenceInsert(s, a) }"
    )
    a, y = np.ones(2, np.float32), np.zeros(2, np.float32)
    outputs = load(model).bind({"a": a}, {"y": y})({"s": []})
    assert y.tolist() == [-1, -1]
    assert [item.tolist() for item in outputs["t"]] == [[1, 1]]


def test_strings_beside_bfloat16_are_refused_clearly() -> None:
    model = parsed("g (string[2] x, bfloat16[2] a) => (string[2] z, bfloat16[2] y) { z = Identity(x) y = Identity(a) }")
    with pytest.raises(StageFailed, match=r"'x' \(tensor\(string\)\) cannot be handed .* beside 'a'"):
        load(model)


def test_bound_strings_stay_free() -> None:
    model = parsed("g (string[2] x, float[2] a) => (string[2] z, float[2] y) { z = Identity(x) y = Neg(a) }")
    y = np.zeros(2, np.float32)
    run = load(model).bind({"a": np.ones(2, np.float32)}, {"y": y})
    assert run({"x": np.array(["a", "b"], object)})["z"].tolist() == ["a", "b"]
    assert y.tolist() == [-1, -1]


def test_close_twice_then_run() -> None:
    executable = load(parsed(TWO))
    executable.close()
    executable.close()
    with pytest.raises(ZifError, match="closed"):
        executable.run({"a": np.zeros(4, np.float32), "b": np.zeros(4, np.float32)})


def test_threads_share_one_session() -> None:
    executable, wrong = load(parsed(TWO)), list[int]()

    def work(number: int) -> None:
        a, b = np.full(4, number, np.float32), np.ones(4, np.float32)
        for _ in range(200):
            outputs = executable.run({"a": a, "b": b})
            if outputs["s"][0] != number + 1 or outputs["d"][0] != number - 1:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.needs(arithmetic="int4")
def test_what_is_packed_is_packed_as_onnx_does() -> None:
    """Odd counts and negative numbers through int4."""
    values = np.array([[-8, 7, -1], [3, -4, 5]], ml_dtypes.int4)
    assert numpy_helper.to_array(numpy_helper.from_array(values)).tolist() == values.tolist()
    np.testing.assert_array_equal(load(cast("int4", False)).run({"x": values})["y"], values.astype(np.float32))


def test_an_index_beyond_its_table_is_the_callers_mistake() -> None:
    """As token ids outside a vocabulary are: exit code 2, and the operator is named."""
    signature = "g (int64[2] ids, float[4, 3] t) => (float[2, 3] y)"
    text = f'<ir_version: 9, opset_import: ["": 17]> {signature} {{y = Gather(t, ids)}}'
    feed = {"ids": np.array([1, 9]), "t": np.zeros((4, 3), np.float32)}
    with zif.load(parser.parse_model(text), only=["qnn_cpu"], on_fault="fallback") as session:
        with pytest.raises(zif.InvalidInput, match="Gather.*idx=9"):
            session.run(feed)
        assert session.events == []
        assert session.run({**feed, "ids": np.array([1, 3])})["y"].shape == (2, 3)


@pytest.mark.parametrize(
    ("dims", "kind"),
    [([1 << 40], TensorProto.INT4), ([1 << 31, 1 << 31, 8], TensorProto.FLOAT), ([4], TensorProto.FLOAT), ([-3], 1)],
)
def test_nothing_is_made_of_a_weights_dims_before_its_file_is_looked_at(dims: list[int], kind: int) -> None:
    from zif_qnn_cpu.scattered import _mapped

    tensor = TensorProto(name="w", data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": "w.bin", "offset": "8"}.items():
        tensor.external_data.add(key=key, value=value)
    with pytest.raises(zif.InvalidModel, match=r"tensor 'w' wants .* and w\.bin has 20: the file is damaged"):
        _mapped(tensor, {"w.bin": bytes(20)})


def test_packed_weights_are_read_from_their_file() -> None:
    from zif_qnn_cpu.scattered import _mapped

    tensor = TensorProto(name="w", data_type=TensorProto.INT4, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": "w.bin", "offset": "1"}.items():
        tensor.external_data.add(key=key, value=value)
    assert _mapped(tensor, {"w.bin": bytes([0, 0x21, 0x03])}).astype(int).tolist() == [1, 2, 3]
