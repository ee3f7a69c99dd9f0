"""A stranger's bundle: nothing is written, read or run but what its manifest lists and hashes, or it is a sentence."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper
from zif import Compiled, InvalidBundle, UsageError
from zif.artifacts.bundle import open_bundle, write_bundle
from zif.artifacts.bundle import read as reading
from zif.artifacts.bundle.references import check_references
from zif.artifacts.hashed import Damaged
from zif.artifacts.sealing import seal

POSIX = pytest.mark.skipif(os.name != "posix", reason="pipes and links as POSIX has them")


def relu(folder: Path) -> Path:
    """A model with a constant as its second output."""
    info = helper.make_tensor_value_info
    weights = onnx.numpy_helper.from_array(np.arange(4, dtype=np.float32), "known")
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], "relu")],
        "g",
        [info("x", TensorProto.FLOAT, [1, 8])],
        [info("y", TensorProto.FLOAT, [1, 8]), info("known", TensorProto.FLOAT, [4])],
        [weights],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "m.onnx")
    return folder / "m.onnx"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    zif.compile(relu(tmp_path), tmp_path / "b.zif", only=["reference"])
    return tmp_path / "b.zif"


def sealed_again(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """The manifest changed by somebody who can seal, with the hashes of the files as they are now."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest.pop("sha256")
    change(manifest)
    for name in manifest["files"]:
        if (bundle / name).is_file():
            data = (bundle / name).read_bytes()
            manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (bundle / "manifest.json").write_bytes(seal(manifest))


def nothing(manifest: dict[str, Any]) -> None:
    pass


def test_a_bundle_runs_as_it_is(bundle: Path) -> None:
    with zif.load(bundle) as session:
        outputs = session.run({"x": np.full((1, 8), -1, np.float32)})
    assert outputs["y"].tolist() == [[0.0] * 8]
    assert outputs["known"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "C:\\x", "a\\x", "CON", "x.", "", "a//b", "x\u202ey"])
def test_names_of_an_artifacts_files_are_checked_and_not_only_their_places(bundle: Path, name: str) -> None:
    def change(manifest: dict[str, Any]) -> None:
        row = manifest["artifacts"][0]
        row["files"][name] = row["files"][row["main"]]

    sealed_again(bundle, change)
    with pytest.raises(InvalidBundle, match="is no plain relative file name"):
        zif.load(bundle)


@pytest.mark.parametrize("names", [("A", "a"), ("a", "a/b"), ("ä", "a\u0308")])
def test_names_that_are_one_file_on_some_systems_are_refused(bundle: Path, names: tuple[str, str]) -> None:
    def change(manifest: dict[str, Any]) -> None:
        row = manifest["artifacts"][0]
        row["files"] |= dict.fromkeys(names, row["files"][row["main"]])

    sealed_again(bundle, change)
    with pytest.raises(InvalidBundle, match="are one file on some systems|is a file, and the folder"):
        zif.load(bundle)


PLANS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a backend that is an object": lambda p: p["segments"][0].update(backend={}),
    "a backend that is a number": lambda p: p["segments"][0].update(backend=5),
    "a backend that is a list": lambda p: p["segments"][0].update(backend=["x"]),
    "units that are text": lambda p: p["segments"][0].update(units="abc"),
    "a segment that is a number": lambda p: p.update(segments=[5]),
    "a number that is text": lambda p: p["segments"][0].update(latency_us="x"),
    "an output's shape that is text": lambda p: p["outputs"][0].update(shape="abc"),
    "a request that is none": lambda p: p.update(target=5),
}


@pytest.mark.parametrize("how", PLANS)
def test_a_plan_of_other_types_is_the_bundles_fault(bundle: Path, how: str) -> None:
    sealed_again(bundle, lambda manifest: PLANS[how](manifest["plan"]))
    with pytest.raises(InvalidBundle):
        zif.load(bundle)


SESSIONS: dict[str, Any] = {
    "no object": [],
    "schema": {"schema": "zif.session/9", "optional_inputs": [], "tensors": []},
    "tensors are text": {"schema": "zif.session/1", "optional_inputs": [], "tensors": "abc"},
    "a name that is a list": {
        "schema": "zif.session/1",
        "optional_inputs": [],
        "tensors": [{"name": [], "type": "", "shape": []}],
    },
    "read by a number": {
        "schema": "zif.session/1",
        "optional_inputs": [{"name": "w", "type": "", "shape": [], "read_by": 5}],
        "tensors": [],
    },
}


@pytest.mark.parametrize("how", SESSIONS)
def test_a_session_file_of_other_types_is_the_bundles_fault(bundle: Path, how: str) -> None:
    (bundle / "session.json").write_text(json.dumps(SESSIONS[how]))
    sealed_again(bundle, nothing)
    with pytest.raises(InvalidBundle, match=r"session\.json"):
        zif.load(bundle)


def archive(members: dict[str, bytes], compressed: bool = True) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return stream.getvalue()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


CONSTANTS: dict[str, Callable[[], bytes]] = {
    "a bomb": lambda: archive({"known.npy": npy(np.zeros((1 << 28) + 1, np.uint8))}),
    "python objects": lambda: archive({"known.npy": npy(np.array([{}, {}], dtype=object))}),
    "another shape": lambda: archive({"known.npy": npy(np.zeros(5, np.float32))}),
    "another type": lambda: archive({"known.npy": npy(np.zeros(4, np.int32))}),
    "text": lambda: archive({"known.npy": npy(np.array(["a"] * 4))}),
    "no archive": lambda: b"PK\x03\x04 and no more",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("how", CONSTANTS)
def test_constants_that_are_none_are_the_bundles_fault(bundle: Path, how: str) -> None:
    (bundle / "constants.npz").write_bytes(CONSTANTS[how]())
    sealed_again(bundle, nothing)
    with pytest.raises(InvalidBundle, match=r"constants\.npz"):
        zif.load(bundle)


def with_weights(location: str, where: str = "initializer") -> bytes:
    """A model that has its weights in a file of this name: as an initializer, in an attribute, a body or a function."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    constant = helper.make_node("Constant", [], ["c"], "c")
    constant.attribute.append(onnx.AttributeProto(name="value", type=onnx.AttributeProto.TENSOR, t=tensor))
    graph = helper.make_graph([], "g", [], [])
    model = helper.make_model(graph)
    if where == "initializer":
        model.graph.initializer.append(tensor)
    elif where == "attribute":
        model.graph.node.append(constant)
    elif where == "an attribute that hides its type":
        constant.attribute[0].type = onnx.AttributeProto.FLOAT
        model.graph.node.append(constant)
    elif where == "body":
        body = helper.make_graph([constant], "body", [], [])
        model.graph.node.append(helper.make_node("If", ["x"], ["y"], "if", then_branch=body, else_branch=body))
    elif where == "sparse":
        model.graph.sparse_initializer.append(onnx.SparseTensorProto(values=tensor))
    else:
        model.functions.append(helper.make_function("d", "f", [], ["c"], [constant], []))
    return model.SerializeToString()


PLACES = ["initializer", "attribute", "an attribute that hides its type", "body", "sparse", "function"]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("location", ["/etc/passwd", "../w.bin", "other.bin", "*/_ORT_MEM_ADDR_/*", ""])
def test_a_model_in_an_artifact_names_files_of_the_artifact_only(where: str, location: str) -> None:
    files: dict[str, bytes | Path] = {"m": with_weights(location, where), "w.bin": b"data"}
    with pytest.raises(Damaged, match="names the file"):
        check_references(Compiled("onnx", files, "m", (), ()))
    files["m"] = with_weights("w.bin", where)
    check_references(Compiled("onnx", files, "m", (), ()))


def test_a_stranger_s_model_reads_no_other_file(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0\0\x80\x3f")
    (segment,) = (bundle / "segments").glob("*.onnx")
    segment.write_bytes(with_weights("../../secret.bin"))
    sealed_again(bundle, nothing)
    with pytest.raises(InvalidBundle, match=r"names the file '\.\./\.\./secret\.bin', which the artifact"):
        zif.load(bundle)


def context(binary: str, mode: int | None = 0, again: str = "") -> bytes:
    """A wrapper as ONNX Runtime writes it for a compiled segment."""
    node = helper.make_node("EPContext", ["x"], ["y"], "c", domain="com.microsoft", ep_cache_context=binary)
    for attribute in [] if mode is None else [helper.make_attribute("embed_mode", mode)]:
        node.attribute.append(attribute)
    if again:
        node.attribute.append(helper.make_attribute("ep_cache_context", again))
    return helper.make_model(helper.make_graph([node], "g", [], [])).SerializeToString()


@pytest.mark.parametrize("mode", [0, None])
@pytest.mark.parametrize("binary", ["/etc/passwd", "../x.bin", "other.bin"])
def test_a_wrapper_names_a_binary_of_the_artifact_only(binary: str, mode: int | None) -> None:
    def artifact(wrapper: bytes) -> Compiled:
        return Compiled("context", {"c.onnx": wrapper, "main.json": b"{}", "x.bin": b"x"}, "main.json", (), ())

    with pytest.raises(Damaged, match="names the file"):
        check_references(artifact(context(binary, mode)))
    with pytest.raises(Damaged, match="an attribute twice"):
        check_references(artifact(context("x.bin", mode, binary)))
    check_references(artifact(context("x.bin", mode)))
    check_references(artifact(context("the binary itself", 1)))


def test_what_a_backend_cannot_open_is_the_bundles_fault(bundle: Path) -> None:
    (segment,) = (bundle / "segments").glob("*.onnx")
    segment.write_bytes(b"\xff\xff no model")
    sealed_again(bundle, nothing)
    with pytest.raises(InvalidBundle, match=r"segment 0 cannot be opened: .*Build the bundle again"):
        zif.load(bundle)


@POSIX
@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder"])
@pytest.mark.parametrize("name", ["manifest.json", "session.json", "segments"])
def test_what_is_no_plain_file_is_neither_waited_for_nor_followed(bundle: Path, name: str, kind: str) -> None:
    path = bundle / name if name != "segments" else next((bundle / "segments").glob("*.onnx"))
    aside = path.with_name("aside")
    path.rename(aside)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(aside)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(InvalidBundle, match=path.name):
        zif.load(bundle)


def test_a_bundle_may_be_a_link_and_hard_links_are_files(bundle: Path, tmp_path: Path) -> None:
    """The path is the user's own; what is linked hard is a file like others, and its hash is checked."""
    (tmp_path / "link").symlink_to(bundle)
    shutil.copytree(bundle, tmp_path / "copy", copy_function=os.link)
    for folder in (tmp_path / "link", tmp_path / "copy"):
        with zif.load(folder) as session:
            assert session.run({"x": np.zeros((1, 8), np.float32)})["y"].shape == (1, 8)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes are POSIX")
def test_a_bundle_on_a_medium_that_cannot_be_written_runs(bundle: Path) -> None:
    for path in [*bundle.rglob("*"), bundle]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(path.stat().st_mtime_ns for path in [*bundle.rglob("*"), bundle])
    try:
        with zif.load(bundle) as session:
            session.run({"x": np.zeros((1, 8), np.float32)})
        assert sorted(path.stat().st_mtime_ns for path in [*bundle.rglob("*"), bundle]) == before
    finally:
        for path in [bundle, *(p for p in bundle.rglob("*") if p.is_dir())]:
            path.chmod(0o755)


def test_a_manifest_beyond_all_measure_is_not_read(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (bundle / "manifest.json").open("r+b") as file:
        file.truncate(1 << 30)
    with pytest.raises(InvalidBundle, match=r"manifest\.json is 1 GiB, more than the .* ZIF_MAX_TEXT"):
        open_bundle(bundle)
    monkeypatch.setenv("ZIF_MAX_VALUES", "100")
    (bundle / "manifest.json").write_text(json.dumps({"schema": "zif.bundle/1", "files": [[]] * 1000}))
    with pytest.raises(InvalidBundle, match="ZIF_MAX_VALUES"):
        open_bundle(bundle)


def test_many_artifacts_are_many_and_no_more(tmp_path: Path) -> None:
    """Every one of them shares one file, as a short manifest can say."""
    folder = write_bundle(tmp_path / "b", {"host": {}}, {(0, "host"): Compiled("x", {"m": b"1"}, "m", (), ())})

    def change(manifest: dict[str, Any]) -> None:
        row = manifest["artifacts"][0]
        manifest["artifacts"] = [{**row, "segment": number} for number in range(20_000)]

    sealed_again(folder, change)
    assert open_bundle(folder).load_compiled(19_999).files == {"m": b"1"}


class TestWhatIsHashedIsWhatIsRun:
    def test_a_file_that_changes_after_it_was_hashed_is_handed_on_as_it_was(self, bundle: Path) -> None:
        opened = open_bundle(bundle)
        compiled = opened.load_compiled(0)
        (segment,) = (bundle / "segments").glob("*.onnx")
        before = segment.read_bytes()
        segment.write_bytes(b"x" * len(before))
        assert compiled.files[compiled.main] == before

    @pytest.fixture
    def weights(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A bundle whose files are too large to be handed on in memory."""
        monkeypatch.setattr(reading, "IN_MEMORY", 0)
        zif.compile(relu(tmp_path), tmp_path / "w.zif", only=["reference"])
        return tmp_path / "w.zif"

    def test_large_ones_are_paths(self, weights: Path) -> None:
        compiled = open_bundle(weights).load_compiled(0)
        assert isinstance(compiled.files[compiled.main], Path)

    def test_for_the_users_own_bundles_only_they_are_handed_on_as_they_were_hashed(self, weights: Path) -> None:
        compiled = open_bundle(weights, trusted_only=True).load_compiled(0)
        assert isinstance(compiled.files[compiled.main], bytes)

    @pytest.mark.parametrize("follows_links", [False, True])
    def test_laying_one_out_does_not_count_as_touching_it(
        self, weights: Path, monkeypatch: pytest.MonkeyPatch, follows_links: bool
    ) -> None:
        from zif.backends import laying_out
        from zif.backends.backend import Backend

        load = Backend.load
        monkeypatch.setattr(laying_out, "LINKED", 1)

        def linking(self: Backend, compiled: Compiled, *args: Any, **kwargs: Any) -> Any:
            with laying_out.laid_out(compiled, follows_links=follows_links) as folder:
                assert (folder / compiled.main).is_symlink() == follows_links
            return load(self, compiled, *args, **kwargs)

        monkeypatch.setattr(Backend, "load", linking)
        zif.load(weights).close()

    @pytest.mark.parametrize("how", ["written to", "replaced", "removed", "put back"])
    def test_what_is_touched_while_it_is_loaded_is_not_run(
        self, weights: Path, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        from zif.backends.backend import Backend

        load, closed = Backend.load, []
        (segment,) = (weights / "segments").glob("*.onnx")

        def touching(self: Backend, *args: Any, **kwargs: Any) -> Any:
            executable = load(self, *args, **kwargs)
            data, status = segment.read_bytes(), segment.stat()
            if how != "written to":
                segment.unlink()
            if how != "removed":
                segment.write_bytes(data if how == "put back" else b"x" * len(data))
                os.utime(segment, ns=(status.st_atime_ns, status.st_mtime_ns))
            monkeypatch.setattr(type(executable), "close", lambda self: closed.append(self))
            return executable

        monkeypatch.setattr(Backend, "load", touching)
        with pytest.raises(InvalidBundle, match="was changed while it was loaded"):
            zif.load(weights)
        assert len(closed) == 1

    def test_what_is_left_alone_runs(self, weights: Path) -> None:
        with zif.load(weights) as session:
            session.run({"x": np.zeros((1, 8), np.float32)})


class TestTrustedOnly:
    def test_what_this_user_made_runs(self, bundle: Path) -> None:
        with zif.load(bundle, trusted_only=True) as session:
            session.run({"x": np.zeros((1, 8), np.float32)})

    def test_a_change_that_is_sealed_again_is_not_this_users(self, bundle: Path) -> None:
        sealed_again(bundle, lambda manifest: manifest["versions"].update(zif="9"))
        with pytest.raises(InvalidBundle, match="the seal on it is not of this user's key"):
            zif.load(bundle, trusted_only=True)
        zif.load(bundle).close()

    def test_without_a_seal_it_is_nobodys(self, bundle: Path) -> None:
        sealed_again(bundle, lambda manifest: manifest.pop("seal"))
        with pytest.raises(InvalidBundle, match=r"carries no seal.*What somebody signed is let in by trusted-key"):
            zif.load(bundle, trusted_only=True)
        zif.load(bundle).close()

    def test_another_users_is_not_this_users(
        self, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZIF_DATA", str(tmp_path / "another user's"))
        with pytest.raises(InvalidBundle, match="was not made by this user's zif"):
            zif.load(bundle, trusted_only=True)

    def test_the_seal_of_a_cache_is_none_of_a_bundle(self, bundle: Path) -> None:
        """A seal holds for one purpose: what the key sealed elsewhere cannot be carried over."""
        from zif.artifacts.bundle.manifest import sealed_text
        from zif.artifacts.userkey import seal_of

        def change(manifest: dict[str, Any]) -> None:
            manifest["versions"]["zif"] = "9"
            manifest["seal"] = seal_of("zif.artifact/2", sealed_text(manifest))

        sealed_again(bundle, change)
        with pytest.raises(InvalidBundle, match="not of this user's key"):
            zif.load(bundle, trusted_only=True)

    def test_a_model_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="a model carries none"):
            zif.load(relu(tmp_path), trusted_only=True)

    def test_a_user_without_a_place_for_a_key_compiles_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZIF_DATA", str(tmp_path / "m.onnx" / "below a file"))
        zif.compile(relu(tmp_path), tmp_path / "b.zif", only=["reference"])
        assert "seal" not in json.loads((tmp_path / "b.zif" / "manifest.json").read_text())
        with pytest.raises(InvalidBundle, match="carries no seal"):
            zif.load(tmp_path / "b.zif", trusted_only=True)
