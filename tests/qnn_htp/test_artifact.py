from __future__ import annotations

import io
import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import attrs
import numpy as np
import onnx
import pytest
import zif
import zif_qnn_htp
from chips import snapdragon
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from qnn_htp.graphs import cnn, gelu, graph, quantized
from zif import BackendUnavailable, Compiled, InvalidBundle, InvalidInput, InvalidModel, Target, Unsupported, UsageError
from zif.model import Model
from zif_qnn_htp.options import HtpOptions
from zif_qnn_runtime import QnnError, describe

pytestmark = pytest.mark.usefixtures("htp")


def made(model: Model, target: Target, **options: object) -> Compiled:
    typed = HtpOptions(**options)  # type: ignore[arg-type]
    converted = pickle.loads(pickle.dumps(zif_qnn_htp.convert(model, target)))
    return pickle.loads(pickle.dumps(zif_qnn_htp.compile(converted, target, typed)))


def body() -> Model:
    """The part of the CNN that QNN takes."""
    return cnn().slice(["conv", "relu"], "body")


def ones(model: Model) -> dict[str, np.ndarray]:
    return {value.name: np.ones(value.shape, value.dtype) for value in model.inputs}


def inputs(model: Model) -> dict[str, np.ndarray]:
    return {v.name: np.random.default_rng(3).normal(size=v.shape).astype(v.dtype) for v in model.inputs}


def run(model: Model, target: Target) -> np.ndarray:
    executable = zif_qnn_htp.load(made(model, target), HtpOptions())
    name = model.outputs[0].name
    given = executable.run(inputs(model))[name]
    executable.close()
    return given


def reference(model: Model) -> np.ndarray:
    return ReferenceEvaluator(model.proto).run(None, inputs(model))[0]


def test_float_segment_computes_in_fp16(chip: Target) -> None:
    given, wanted = run(body(), chip), reference(body())
    np.testing.assert_allclose(given, wanted, rtol=1e-2, atol=1e-2)
    assert given.dtype == np.float32


def test_fused_group_computes(chip: Target) -> None:
    given, wanted = run(gelu(), chip), reference(gelu())
    np.testing.assert_allclose(given, wanted, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("name", ["snapdragon-8-gen-3", "snapdragon-888", "snapdragon-x-elite"])
def test_quantized_segment_is_off_by_one_step_at_most(name: str) -> None:
    given, wanted = run(quantized(), zif.target(name)), reference(quantized())
    assert np.max(np.abs(given - wanted)) <= 0.05 * 1.01
    assert np.mean(given == wanted) > 0.9


@pytest.mark.parametrize(
    ("op_type", "scale", "zero"),
    [("Sigmoid", 2 / 65535, 0), ("Sigmoid", 1 / 65536, 0), ("Tanh", 4 / 65535, 30000), ("HardSigmoid", 0.5 / 65535, 7)],
)
def test_output_encoding_that_qnn_would_ignore_is_kept(chip: Target, op_type: str, scale: float, zero: int) -> None:
    weights = {"sx": np.array(8 / 65535, np.float32), "zx": np.array(32768, np.uint16)}
    weights |= {"sy": np.array(scale, np.float32), "zy": np.array(zero, np.uint16)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["a"], "dq"),
        helper.make_node(op_type, ["a"], ["b"], "op"),
        helper.make_node("QuantizeLinear", ["b", "sy", "zy"], ["y"], "q"),
    ]
    shape = (TensorProto.UINT16, [33])
    model = Model.load(graph(nodes, {"x": shape}, {"y": shape}, weights, opset=21))
    x = {"x": np.linspace(0, 65535, 33).astype(np.uint16)}
    assert all(verdict.supported for verdict in zif_qnn_htp.capabilities(chip, model).verdicts.values())
    given = zif_qnn_htp.load(made(model, chip), HtpOptions()).run(x)["y"]
    wanted = ReferenceEvaluator(model.proto).run(None, x)[0]
    assert np.max(np.abs(given.astype(int) - wanted.astype(int))) <= 16


def test_artifact_names_its_chip(chip: Target) -> None:
    for target, soc in ((chip, 57), (zif.target("snapdragon-8-elite"), 69)):
        files = made(body(), target).files
        assert describe(files["context.onnx"]).soc_model == soc
        assert json.loads(files["segment.json"])["soc_model"] == soc


def test_options_reach_the_compiler(chip: Target) -> None:
    sizes = {vtcm: describe(made(body(), chip, vtcm_mb=vtcm).files["context.onnx"]).vtcm_mb for vtcm in (2, 8)}
    assert sizes == {2: 2, 8: 8}


def test_handover_files_on_request(chip: Target) -> None:
    assert not any("/" in name for name in made(body(), chip).files)
    files = made(body(), chip, dlc=True, source=True).files
    assert files["dlc/model.dlc"].startswith(b"PK")
    assert b"Conv2d" in files["source/saver_output.c"]
    assert files["source/params.bin"]


def test_open_shape_is_refused_by_name(chip: Target) -> None:
    with pytest.raises(Unsupported) as caught:
        zif_qnn_htp.convert(cnn("N"), chip)
    assert {(o.unit, o.code) for o in caught.value.obstacles} == {
        (u, "dynamic-shape") for u in ("conv", "relu", "erf", "pool")
    }


def test_refused_unit_is_named(chip: Target) -> None:
    with pytest.raises(Unsupported, match="do not compile for Snapdragon 8 Gen 3") as caught:
        made(cnn(), chip)
    assert [(o.unit, o.backend) for o in caught.value.obstacles] == [("erf", "qnn_htp")]


def test_segment_of_constants_needs_no_binary(chip: Target) -> None:
    node = helper.make_node("ConstantOfShape", ["dims"], ["w"], "w", value=helper.make_tensor("v", 1, [1], [0.5]))
    model = Model.load(graph([node], {}, {"w": (TensorProto.FLOAT, [8, 200])}, {"dims": np.array([8, 200], np.int64)}))
    if not model.units:
        pytest.skip("the model folds it by itself")
    artifact = made(model, chip)
    assert set(artifact.files) == {"segment.json", "known.npz"}
    executable = zif_qnn_htp.load(artifact, HtpOptions())
    first = executable.run({})["w"]
    np.testing.assert_array_equal(first, np.full((8, 200), 0.5, np.float32))
    first[:] = 0  # the caller's own
    assert executable.run({})["w"].min() == 0.5


def test_constant_output_beside_a_computed_one(chip: Target) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["dims"], ["w"], "weights", value=helper.make_tensor("v", 1, [1], [0.5])),
        helper.make_node("MatMul", ["x", "w"], ["y"], "matmul"),
    ]
    outputs = {"w": (TensorProto.FLOAT, [64, 64]), "y": (TensorProto.FLOAT, [1, 64])}
    model = Model.load(graph(nodes, {"x": (TensorProto.FLOAT, [1, 64])}, outputs, {"dims": np.array([64, 64])}))
    result = zif_qnn_htp.load(made(model, chip), HtpOptions()).run(ones(model))
    assert list(result) == ["w", "y"]
    assert result["w"].min() == result["w"].max() == 0.5
    np.testing.assert_allclose(result["y"], 32, rtol=1e-3)


def test_dropout_hands_on_its_input(chip: Target) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "relu"),
        helper.make_node("Dropout", ["a", "ratio"], ["b"], "dropout"),
        helper.make_node("Neg", ["b"], ["y"], "neg"),
    ]
    shape = (TensorProto.FLOAT, [2, 8])
    model = Model.load(graph(nodes, {"x": shape}, {"y": shape}, {"ratio": np.array(0.5, np.float32)}))
    assert all(verdict.supported for verdict in zif_qnn_htp.capabilities(chip, model).verdicts.values())
    np.testing.assert_allclose(run(model, chip), -np.maximum(inputs(model)["x"], 0), rtol=1e-2)


def test_missing_weights_are_named(chip: Target, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(body().proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    path.with_name("w.bin").unlink()
    with pytest.raises(InvalidModel, match=r"w\.bin"):
        zif_qnn_htp.convert(Model.load(path), chip)


def test_external_weights_are_taken_along(chip: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zif_qnn_runtime import graph as graphs

    path = tmp_path / "m.onnx"
    onnx.save(body().proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    wanted = run(body(), chip)
    np.testing.assert_array_equal(run(Model.load(path), chip), wanted)
    monkeypatch.setattr(graphs, "MAX_INLINE", 0)  # as with weights that do not fit into one message
    np.testing.assert_array_equal(run(Model.load(path), chip), wanted)


def test_fed_default_is_refused_by_name(chip: Target) -> None:
    model = body().proto
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [8, 3, 3, 3]))
    loaded = Model.load(model)
    assert [value.name for value in loaded.optional_inputs] == ["w"]
    executable = zif_qnn_htp.load(made(loaded, chip), HtpOptions())
    assert executable.run(ones(loaded))["b"].shape == (1, 8, 16, 16)
    with pytest.raises(InvalidInput, match="'w' has a default"):
        executable.run({**ones(loaded), "w": np.zeros((8, 3, 3, 3), np.float32)})


class TestLoading:
    @pytest.fixture
    def artifact(self, chip: Target) -> Compiled:
        return made(body(), chip)

    def changed(self, artifact: Compiled, name: str, content: bytes | None) -> Compiled:
        files = {**artifact.files, name: content}
        return attrs.evolve(artifact, files={key: value for key, value in files.items() if value is not None})

    @pytest.mark.parametrize("at", [0, 0.3, 0.6, 0.99])
    def test_one_changed_byte_is_found_before_the_library_sees_it(self, artifact: Compiled, at: float) -> None:
        binary = bytearray(artifact.files["context_qnn.bin"])  # type: ignore[arg-type]
        binary[int(len(binary) * at)] ^= 1
        with pytest.raises(InvalidBundle, match=r"context_qnn\.bin is damaged"):
            zif_qnn_htp.load(self.changed(artifact, "context_qnn.bin", bytes(binary)), HtpOptions())

    def test_missing_file_is_named(self, artifact: Compiled) -> None:
        with pytest.raises(InvalidBundle, match=r"lacks its file context_qnn\.bin"):
            zif_qnn_htp.load(self.changed(artifact, "context_qnn.bin", None), HtpOptions())

    def test_another_release_is_refused(self, artifact: Compiled) -> None:
        segment = json.loads(artifact.files["segment.json"])  # type: ignore[arg-type]
        old = json.dumps({**segment, "qnn": "2.31.0"}).encode()
        with pytest.raises(BackendUnavailable, match=r"compiled with QNN 2\.31\.0"):
            zif_qnn_htp.load(self.changed(artifact, "segment.json", old), HtpOptions())

    def test_another_format_is_refused(self, artifact: Compiled) -> None:
        with pytest.raises(InvalidBundle, match="'onnx', not 'qnn-context'"):
            zif_qnn_htp.load(attrs.evolve(artifact, format="onnx"), HtpOptions())

    def test_another_chip_is_refused_on_a_device(self, artifact: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
        from zif_qnn_htp import executable

        monkeypatch.setattr(executable, "host_kind", lambda: "hardware")
        monkeypatch.setattr(zif, "target", lambda _: snapdragon("host", "Some phone", htp_arch=73, soc_model=43))
        with pytest.raises(BackendUnavailable, match="Hexagon v75, and Some phone has v73, which is older"):
            zif_qnn_htp.load(artifact, HtpOptions())

    WRONG: ClassVar[dict[str, object]] = {
        "wrapper": "/etc/passwd",
        "crc32": {"context.onnx": "1"},
        "inputs": "x",
        "soc_model": "57",
        "baked": 5,
        "qnn": None,
    }

    @pytest.mark.parametrize("field", WRONG)
    def test_a_segment_file_of_other_types_is_a_sentence(self, artifact: Compiled, field: str) -> None:
        segment = {**json.loads(artifact.files["segment.json"]), field: self.WRONG[field]}  # type: ignore[arg-type]
        with pytest.raises(InvalidBundle, match=rf"segment\.json.*{field}|/etc/passwd"):
            zif_qnn_htp.load(self.changed(artifact, "segment.json", json.dumps(segment).encode()), HtpOptions())

    @pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 10_000])
    def test_a_segment_file_that_is_none_is_a_sentence(self, artifact: Compiled, text: bytes) -> None:
        with pytest.raises(InvalidBundle, match=r"segment\.json"):
            zif_qnn_htp.load(self.changed(artifact, "segment.json", text), HtpOptions())

    def forged(self, artifact: Compiled, change: Callable[[onnx.ModelProto], object]) -> Compiled:
        """The artifact with another wrapper, its checksum written down."""
        wrapper = onnx.load_model_from_string(artifact.files["context.onnx"])  # type: ignore[arg-type]
        change(wrapper)
        data = wrapper.SerializeToString()
        segment = json.loads(artifact.files["segment.json"])  # type: ignore[arg-type]
        segment["crc32"]["context.onnx"] = zlib.crc32(data)
        made = self.changed(artifact, "context.onnx", data)
        return self.changed(made, "segment.json", json.dumps(segment).encode())

    @staticmethod
    def binary(wrapper: onnx.ModelProto) -> onnx.AttributeProto:
        return next(a for a in wrapper.graph.node[0].attribute if a.name == "ep_cache_context")

    def test_a_wrapper_opens_no_file_but_the_artifacts_own(
        self, artifact: Compiled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The library opens whatever a wrapper names, and bytes that it does not know take the process down."""
        from zif_qnn_htp import executable

        monkeypatch.setattr(executable, "load_context", lambda *_: pytest.fail("the library was asked"))
        (tmp_path / "other.bin").write_bytes(b"other")
        for name in (str(tmp_path / "other.bin"), "../other.bin", "other.bin", ""):
            changed = self.forged(artifact, lambda w, name=name: setattr(self.binary(w), "s", name.encode()))
            with pytest.raises(InvalidBundle, match=r"context\.onnx (names|does not stand)"):
                zif_qnn_htp.load(changed, HtpOptions())

        def again(wrapper: onnx.ModelProto) -> None:
            wrapper.graph.node[0].attribute.add(name="ep_cache_context", s=b"/etc/passwd", type=3)

        def beside(wrapper: onnx.ModelProto) -> None:
            wrapper.graph.node.add(op_type="Relu", input=["x"], output=["z"])

        def weights(wrapper: onnx.ModelProto) -> None:
            wrapper.graph.initializer.add(name="w", data_location=1).external_data.add(key="location", value="/etc/x")

        for change in (again, beside, weights):
            with pytest.raises(InvalidBundle, match=r"context\.onnx does not stand for context binaries"):
                zif_qnn_htp.load(self.forged(artifact, change), HtpOptions())

    def test_only_wrapper_and_binary_are_laid_out(self, artifact: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever else an artifact has, and whatever it is called: it is not written anywhere."""
        from zif_qnn_htp import executable

        load, seen = executable.load_context, []

        def watched(wrapper: Path, *args: object) -> object:
            seen.extend(path.name for path in wrapper.parent.iterdir())
            return load(wrapper, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(executable, "load_context", watched)
        zif_qnn_htp.load(self.changed(artifact, "/tmp/../evil", b"evil"), HtpOptions())
        assert sorted(seen) == ["context.onnx", "context_qnn.bin"]

    def test_values_that_are_known_are_no_bomb(self, artifact: Compiled) -> None:
        stream = io.BytesIO()
        np.savez_compressed(stream, names=np.array(["b"]), kinds=np.array(["float32"]), v0=np.zeros(100 << 20, np.int8))
        for data, why in ((stream.getvalue(), "grows by a factor"), (b"PK", "not a whole file"), (b"", "not a whole")):
            segment = json.loads(artifact.files["segment.json"])  # type: ignore[arg-type]
            segment["crc32"]["known.npz"] = zlib.crc32(data)
            made = self.changed(artifact, "known.npz", data)
            with pytest.raises(InvalidBundle, match=why):
                zif_qnn_htp.load(self.changed(made, "segment.json", json.dumps(segment).encode()), HtpOptions())

    def test_files_on_disk_load_as_bytes_do(self, artifact: Compiled, tmp_path: Path) -> None:
        for name, content in artifact.files.items():
            (tmp_path / f"renamed-{name}").write_bytes(content)  # type: ignore[arg-type]
        stored = attrs.evolve(artifact, files={name: tmp_path / f"renamed-{name}" for name in artifact.files})
        x = ones(body())
        wanted = zif_qnn_htp.load(artifact, HtpOptions()).run(x)["b"]
        np.testing.assert_array_equal(zif_qnn_htp.load(stored, HtpOptions()).run(x)["b"], wanted)


class TestRunning:
    @pytest.fixture
    def executable(self, chip: Target) -> object:
        return zif_qnn_htp.load(made(body(), chip), HtpOptions())

    def test_inputs_are_left_alone_and_outputs_are_the_callers(self, executable: zif.Executable) -> None:
        x = ones(body())
        first = executable.run(x)["b"]
        copy = first.copy()
        executable.run({"x": x["x"] * 2})
        np.testing.assert_array_equal(first, copy)
        assert x["x"].min() == x["x"].max() == 1

    def test_bound_buffers_are_read_and_written_in_place(self, executable: zif.SupportsBinding) -> None:
        x, out = ones(body())["x"], np.zeros((1, 8, 16, 16), np.float32)
        bound = executable.bind({"x": x}, {"b": out})
        for factor in (1, 3):
            x[:] = factor
            assert bound({}) == {}
            np.testing.assert_array_equal(out, executable.run({"x": x})["b"])  # type: ignore[attr-defined]

    def test_half_bound_takes_and_gives_the_rest(self, executable: zif.SupportsBinding) -> None:
        x = ones(body())
        bound = executable.bind({}, {})
        first = bound(x)["b"]
        np.testing.assert_array_equal(first, executable.run(x)["b"])  # type: ignore[attr-defined]
        bound({"x": x["x"] * 5})
        np.testing.assert_array_equal(first, executable.run(x)["b"])  # type: ignore[attr-defined]

    def test_missing_input_is_named(self, executable: zif.Executable) -> None:
        with pytest.raises(InvalidInput, match="'x' is missing"):
            executable.run({})

    def test_wrong_shape_is_an_error_of_ours(self, executable: zif.Executable) -> None:
        with pytest.raises(QnnError):
            executable.run({"x": np.ones((2, 3, 16, 16), np.float32)})

    def test_closing_twice_is_fine_and_running_then_is_not(self, executable: zif.Executable) -> None:
        executable.close()
        executable.close()
        with pytest.raises(UsageError, match="closed"):
            executable.run(ones(body()))

    def test_threads_get_their_own_answers(self, executable: zif.Executable) -> None:
        from concurrent.futures import ThreadPoolExecutor

        feeds = [{"x": np.full((1, 3, 16, 16), i, np.float32)} for i in range(4)]
        wanted = [executable.run(feed)["b"] for feed in feeds]
        with ThreadPoolExecutor(4) as pool:
            given = list(pool.map(lambda feed: executable.run(feed)["b"], feeds * 2))
        for one, other in zip(given, wanted * 2, strict=True):
            np.testing.assert_array_equal(one, other)


def test_profile_names_units(chip: Target) -> None:
    executable = zif_qnn_htp.load(made(body(), chip), HtpOptions(profiling="detailed"))
    assert executable.profile() == {}  # type: ignore[attr-defined]
    executable.run(ones(body()))
    times = executable.profile()  # type: ignore[attr-defined]
    executable.close()
    assert {"QNN", "accelerator", "conv", "relu"} <= set(times)
    assert times["QNN"] >= times["accelerator"] > 0
    assert sum(v for k, v in times.items() if k not in ("QNN", "accelerator")) == pytest.approx(times["accelerator"])
