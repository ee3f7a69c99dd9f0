from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from qnn_runtime.graphs import CHIP, cnn, single
from zif_qnn_runtime import (
    ProviderOptions,
    QnnError,
    compile_context,
    describe,
    export_dlc,
    export_source,
    load_context,
    open_session,
    optrace,
)

pytestmark = pytest.mark.usefixtures("htp")
OPTIONS = ProviderOptions(soc_model=CHIP)


def test_loaded_binary_computes_what_the_session_did(tmp_path: Path) -> None:
    data = cnn().SerializeToString()
    wrapper, binary = compile_context(data, "htp", OPTIONS, tmp_path)
    assert binary.stat().st_size > 1000
    x = {"x": np.random.default_rng(2).normal(size=(1, 3, 16, 16)).astype(np.float32)}
    given = load_context(wrapper, "htp", OPTIONS).run(None, x)[0]
    np.testing.assert_array_equal(given, open_session(data, "htp", OPTIONS).run(None, x)[0])


def test_wrapper_names_chip_and_release(tmp_path: Path) -> None:
    wrapper, binary = compile_context(cnn().SerializeToString(), "htp", ProviderOptions(soc_model=69), tmp_path, "a")
    info = describe(wrapper)
    assert (info.binary, info.soc_model, info.strays) == (binary.name, 69, ())
    assert info.qnn_version.startswith("2.")


def test_compiling_again_replaces_the_files(tmp_path: Path) -> None:
    first = compile_context(single("Relu").SerializeToString(), "htp", OPTIONS, tmp_path)
    again = compile_context(single("Neg").SerializeToString(), "htp", OPTIONS, tmp_path)
    assert again == first
    assert sorted(tmp_path.iterdir()) == sorted([*again, tmp_path / optrace.WRITTEN])
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 8)
    np.testing.assert_allclose(load_context(again[0], "htp", OPTIONS).run(None, {"x": x})[0], -x, atol=1e-3)


def test_weights_outside_the_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.onnx"
    onnx.save(cnn(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    wrapper, _ = compile_context(path, "htp", OPTIONS, tmp_path)
    x = {"x": np.ones((1, 3, 16, 16), np.float32)}
    wanted = open_session(cnn().SerializeToString(), "htp", OPTIONS).run(None, x)[0]
    np.testing.assert_array_equal(load_context(wrapper, "htp", OPTIONS).run(None, x)[0], wanted)


def test_unsupported_node_leaves_nothing_compiled(tmp_path: Path) -> None:
    with pytest.raises(QnnError, match="erf"):
        compile_context(cnn(erf=True).SerializeToString(), "htp", OPTIONS, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_truncated_empty_and_missing_binary_are_told_apart(tmp_path: Path) -> None:
    wrapper, binary = compile_context(cnn().SerializeToString(), "htp", OPTIONS, tmp_path)
    whole = binary.read_bytes()
    for damage, words in ((whole[:1000], "damaged"), (b"", "empty")):
        binary.write_bytes(damage)
        with pytest.raises(QnnError, match=words):
            load_context(wrapper, "htp", OPTIONS)
    binary.unlink()
    with pytest.raises(QnnError, match="missing"):
        load_context(wrapper, "htp", OPTIONS)


def test_describing_junk_is_an_error() -> None:
    with pytest.raises(QnnError, match="cannot be read"):
        describe(b"\xff\xff junk")
    assert describe(cnn().SerializeToString()).strays == ("conv", "relu", "pool")


def test_dlc_is_a_container_with_the_graph(tmp_path: Path) -> None:
    (file,) = export_dlc(cnn().SerializeToString(), OPTIONS, tmp_path)
    assert file.parent == tmp_path
    data = file.read_bytes()
    assert data.startswith(b"PK")
    assert b"dlc.metadata" in data


def test_source_builds_the_graph_by_calls(tmp_path: Path) -> None:
    onnx.save(cnn(), tmp_path / "in.onnx")
    out = tmp_path / "out"
    out.mkdir()
    before = Path.cwd()
    source, params = export_source(tmp_path / "in.onnx", OPTIONS, out)
    assert Path.cwd() == before
    assert "Conv2d" in source.read_text()
    assert params.stat().st_size >= 8 * 3 * 3 * 3 * 4


def test_source_of_an_unsupported_node_says_which(tmp_path: Path) -> None:
    onnx.save(cnn(erf=True), tmp_path / "in.onnx")
    with pytest.raises(QnnError, match="nodes: erf"):
        export_source(tmp_path / "in.onnx", OPTIONS, tmp_path)
