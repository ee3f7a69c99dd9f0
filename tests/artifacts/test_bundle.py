"""A bundle is whole or absent, says when it is not what was written, and never leads out of its folder."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import attrs
import pytest
from zif import Certificate, Compiled, InvalidBundle, NotWritten, TensorInfo, UsageError
from zif.artifacts.bundle import is_bundle, open_bundle, replace, write, write_bundle

X, Y = TensorInfo("x", "tensor(float)", (1, 3, "h")), TensorInfo("y", "tensor(uint8)", None)
ELITE, GEN3 = "snapdragon-8-elite", "snapdragon-8-gen-3"
PLANS = {name: {"schema": "zif.plan/1", "target": name, "segments": [{"id": 0}, {"id": 1}]} for name in (ELITE, GEN3)}


def born(backend, target):
    return Certificate(backend, "1.0", "QNN 2.51", target, {"vtcm_mb": 4, "pair": (1, 2)}, "e" * 64)


def context(target, binary=b"\x01binary" * 999):
    files = {
        "context.onnx": b"wrapper " + target.encode(),
        "context_qnn.bin": binary + target.encode(),
        "segment.json": b"{}",
    }
    return Compiled("qnn-context", files, "segment.json", (X,), (Y,), ("a note",), born("qnn_htp", target))


def onnx(content=b"onnx", **files):
    return Compiled("onnx", {"model.onnx": content, **files}, "model.onnx", (Y,), (X,), (), born("reference", ELITE))


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.data"
    path.write_bytes(random.Random(0).randbytes(3_000_000))
    return path


@pytest.fixture
def artifacts(weights):
    return {
        (0, ELITE): context(ELITE),
        (0, GEN3): context(GEN3),
        (1, ELITE): onnx(**{"weights.data": weights}),
        (1, GEN3): onnx(**{"weights.data": weights}),
    }


LABELS = {(0, ELITE): "htp-v79", (0, GEN3): "htp-v75"}


@pytest.fixture
def folder(tmp_path, artifacts):
    return write_bundle(
        tmp_path / "net.zif",
        PLANS,
        artifacts,
        labels=LABELS,
        inputs=[X],
        outputs=[Y],
        ranges={"y": {"scale": 0.5, "zero_point": 3}},
        quantization={"version": "1.0.0", "activation_encodings": []},
        versions={"zif": "0.1"},
    )


def listing(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def contents(compiled):
    return {name: item if isinstance(item, bytes) else item.read_bytes() for name, item in compiled.files.items()}


def drafts(folder):
    return sorted({*os.listdir(folder)} - {"net.zif", "weights.data"})


def test_the_layout(folder):
    assert listing(folder) == [
        "context_binaries/00-htp-v75.bin",
        "context_binaries/00-htp-v75.json",
        "context_binaries/00-htp-v75.onnx",
        "context_binaries/00-htp-v79.bin",
        "context_binaries/00-htp-v79.json",
        "context_binaries/00-htp-v79.onnx",
        "input_specs.json",
        "manifest.json",
        "quantization_config.json",
        "segments/01-reference.onnx",
        "segments/weights.data",
    ]


def test_everything_comes_back(folder, artifacts):
    bundle = open_bundle(folder)
    bundle.verify()
    assert bundle.targets == (ELITE, GEN3)
    assert bundle.versions == {"zif": "0.1"}
    assert bundle.unlisted == ()
    assert [bundle.plan(), bundle.plan(GEN3)] == [PLANS[ELITE], PLANS[GEN3]]
    for (segment, target), compiled in artifacts.items():
        found = bundle.load_compiled(segment, target)
        assert contents(found) == contents(compiled)
        again = attrs.evolve(found, files={}, certificate=None)
        assert again == attrs.evolve(compiled, files={}, certificate=None)
        assert found.certificate.target == compiled.certificate.target
        assert found.certificate.options == {"vtcm_mb": 4, "pair": [1, 2]}
    assert bundle.input_specs["inputs"] == [
        {"name": "x", "type": "tensor(float)", "dtype": "float32", "shape": [1, 3, "h"], "quantization": None}
    ]
    assert bundle.input_specs["outputs"][0]["quantization"] == {"scale": 0.5, "zero_point": 3}
    assert bundle.quantization == {"version": "1.0.0", "activation_encodings": []}


def test_the_manifest_says_what_tools_rely_on(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema"] == "zif.bundle/1"
    assert manifest["targets"] == [ELITE, GEN3]
    assert manifest["plan"] == PLANS[ELITE]
    assert set(manifest["files"]) == {*listing(folder)} - {"manifest.json"}
    assert all(len(one["sha256"]) == 64 for one in manifest["files"].values())


def test_a_bundle_can_be_moved_and_copied(folder, tmp_path, artifacts):
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    (tmp_path / "weights.data").unlink()
    (tmp_path / "copy").rename(tmp_path / "elsewhere")
    assert contents(open_bundle(tmp_path / "elsewhere").load_compiled(0, GEN3)) == contents(artifacts[0, GEN3])


def test_external_data_keeps_its_name_beside_the_model_and_is_stored_once(tmp_path, weights):
    one, two = onnx(b"one", **{"w/weights.data": weights}), onnx(b"two", **{"w/weights.data": weights})
    folder = write_bundle(tmp_path / "net.zif", PLANS, {(0, ELITE): one, (1, ELITE): two})
    assert listing(folder / "segments") == ["00-reference.onnx", "01-reference.onnx", "w/weights.data"]


def test_different_files_of_one_name_do_not_meet(tmp_path, weights):
    other = tmp_path / "other.data"
    other.write_bytes(b"other")
    both = {(0, ELITE): onnx(b"one", w=weights), (1, ELITE): onnx(b"two", W=other)}
    bundle = open_bundle(write_bundle(tmp_path / "net.zif", PLANS, both))
    for (segment, target), compiled in both.items():
        found = bundle.load_compiled(segment, target)
        assert contents(found) == contents(compiled)
        (path,) = [found.files[name] for name in ("w", "W") if name in found.files]
        assert path.name in ("w", "W")


def test_two_targets_with_one_label_do_not_meet(tmp_path):
    both = {(0, ELITE): context(ELITE), (0, GEN3): context(GEN3)}
    bundle = open_bundle(write_bundle(tmp_path / "net.zif", PLANS, both, labels=dict.fromkeys(both, "htp-v79")))
    for key, compiled in both.items():
        assert contents(bundle.load_compiled(*key)) == contents(compiled)


def test_dlc_and_source_have_their_folders(tmp_path):
    files = {"m.bin": b"m", "dlc/model.dlc": b"dlc", "source/a.cpp": b"cpp", "source/b.cpp": b"cpp 2"}
    made = {(3, ELITE): Compiled("qnn-context", files, "m.bin", (), (), (), None)}
    folder = write_bundle(tmp_path / "net.zif", PLANS, made, labels={(3, ELITE): "htp v79/x"})
    assert listing(folder)[:4] == [
        "context_binaries/03-htp-v79-x.bin",
        "dlc/03-htp-v79-x.dlc",
        "input_specs.json",
        "manifest.json",
    ]
    assert listing(folder)[4:] == ["source/03-htp-v79-x/a.cpp", "source/03-htp-v79-x/b.cpp"]
    assert contents(open_bundle(folder).load_compiled(3)) == files


def test_extras_are_there_and_hashed(tmp_path, weights):
    folder = write_bundle(tmp_path / "net.zif", PLANS, {}, extras={"segments/00.onnx": b"abc", "big/w.bin": weights})
    bundle = open_bundle(folder)
    assert bundle.path("segments/00.onnx").read_bytes() == b"abc"
    assert bundle.path("big/w.bin").read_bytes() == weights.read_bytes()
    with pytest.raises(InvalidBundle, match="does not list other"):
        bundle.path("other")


def test_what_is_not_there_is_said(folder, tmp_path):
    bundle = open_bundle(folder)
    with pytest.raises(UsageError, match="is for snapdragon-8-elite, snapdragon-8-gen-3, not for host"):
        bundle.plan("host")
    with pytest.raises(InvalidBundle, match="no artifact of segment 7"):
        bundle.load_compiled(7)
    for place, why in (
        (tmp_path / "none", "no such folder"),
        (tmp_path, "manifest.json is missing"),
        (__file__, "no folder"),
    ):
        with pytest.raises(InvalidBundle, match=why):
            open_bundle(place)


def use_all(folder):
    bundle = open_bundle(folder)
    bundle.load_compiled(0)
    bundle.load_compiled(1)
    bundle.verify()


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path):
    real = path.with_name("real")
    path.rename(real)
    path.symlink_to(real)


def swap(path):
    other = path.with_name(path.name.replace("v79", "v75"))
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


DAMAGES = {
    "flipped bit": flip,
    "truncated": lambda path: os.truncate(path, 10),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "empty": lambda path: os.truncate(path, 0),
    "random": lambda path: path.write_bytes(random.Random(2).randbytes(path.stat().st_size)),
    "missing": lambda path: path.unlink(),
    "a link": link,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("name", ["context_binaries/00-htp-v79.bin", "segments/weights.data", "manifest.json"])
@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_named_before_anything_is_used(folder, how, name):
    DAMAGES[how](folder / name)
    with pytest.raises(InvalidBundle) as caught:
        use_all(folder)
    assert Path(name).name in str(caught.value)
    assert "Build it again" in str(caught.value)


def test_swapped_binaries_are_noticed(folder):
    swap(folder / "context_binaries/00-htp-v79.bin")
    with pytest.raises(InvalidBundle, match=r"00-htp-v7\d.bin"):
        open_bundle(folder).load_compiled(0)


def test_the_artifact_of_another_target_is_not_touched_by_damage(folder, artifacts):
    flip(folder / "context_binaries/00-htp-v75.bin")
    bundle = open_bundle(folder)
    assert contents(bundle.load_compiled(0, ELITE)) == contents(artifacts[0, ELITE])
    with pytest.raises(InvalidBundle, match=r"00-htp-v75.bin was changed"):
        bundle.verify()


def test_a_folder_on_the_way_that_is_a_link_is_refused(folder, tmp_path):
    (folder / "segments").rename(tmp_path / "outside")
    (folder / "segments").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidBundle, match="lies behind a link, which is not followed here"):
        open_bundle(folder)


@pytest.mark.parametrize("how", ["edit", "reorder"])
def test_an_edited_manifest_is_noticed_and_a_reformatted_one_is_not(folder, how):
    manifest = json.loads((folder / "manifest.json").read_text())
    if how == "edit":
        manifest["plan"]["segments"][0]["id"] = 1
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(InvalidBundle, match=r"manifest\.json was changed"):
            open_bundle(folder)
    else:
        (folder / "manifest.json").write_text(json.dumps(manifest, sort_keys=True))
        open_bundle(folder).verify()


def forged(folder, change):
    """A manifest that someone changed and sealed again."""
    from zif.artifacts.sealing import seal

    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.pop("sha256")
    change(manifest)
    (folder / "manifest.json").write_bytes(seal(manifest))


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "segments/../../outside", "a\\..\\..\\b", "C:x", ""])
def test_paths_that_leave_the_folder_are_refused(folder, tmp_path, name):
    (tmp_path / "outside").write_bytes(b"secret")
    content = {"sha256": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", "bytes": 6}
    forged(folder, lambda manifest: manifest["files"].update({name: content}))
    with pytest.raises(InvalidBundle, match="no plain relative file name"):
        open_bundle(folder)


FORGERIES = {
    "an artifact's file that is not listed": lambda m: m["artifacts"][0]["files"].update(x="../../etc/passwd"),
    "no plan for a target": lambda m: m["targets"].append("other"),
    "no targets": lambda m: m.update(targets=[], plans={}),
    "no artifacts": lambda m: m.pop("artifacts"),
    "files are a list": lambda m: m.update(files=[]),
    "a hash is a number": lambda m: m["files"]["input_specs.json"].update(sha256=3),
    "a size that is text": lambda m: m["files"]["input_specs.json"].update(bytes="9"),
    "a size beyond 64 bits": lambda m: m["files"]["input_specs.json"].update(bytes=1 << 64),
    "a file's name that is a list": lambda m: m["artifacts"][0]["files"].update(x=["segment.json"]),
    "a main file that is none": lambda m: m["artifacts"][0].update(main="other"),
    "a main file that is listed elsewhere": lambda m: m["artifacts"][0].update(main="manifest.json"),
    "two artifacts for one segment": lambda m: m["artifacts"].append(m["artifacts"][0]),
    "a target that is a number": lambda m: m["targets"].append(5),
    "a plan too many": lambda m: m["plans"].update(other={}),
    "notes that are text": lambda m: m["artifacts"][0].update(notes="abc"),
    "a certificate that is text": lambda m: m["artifacts"][0].update(certificate="abc"),
    "the manifest lists itself": lambda m: m["files"].update({"manifest.json": m["files"]["input_specs.json"]}),
    "names that are one file on some systems": lambda m: m["files"].update(
        {"INPUT_SPECS.json": m["files"]["input_specs.json"]}
    ),
    "a file that is a folder of another": lambda m: m["files"].update(
        {"input_specs.json/x": m["files"]["input_specs.json"]}
    ),
    "a segment that is no number": lambda m: m["artifacts"][0].update(segment="x"),
    "an artifact without a certificate's field": lambda m: m["artifacts"][0]["certificate"].pop("digest"),
    "shapes that are none": lambda m: m["artifacts"][0].update(inputs=3),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_manifest_is_an_error_and_not_a_traceback(folder, how):
    forged(folder, FORGERIES[how])
    with pytest.raises(InvalidBundle):
        use_all(folder)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema": "zif.bundle/2"}']
)
def test_no_manifest_of_ours(folder, text):
    (folder / "manifest.json").write_bytes(text)
    with pytest.raises(InvalidBundle, match=r"manifest\.json"):
        open_bundle(folder)


def test_a_later_version_says_which_one(folder):
    forged(folder, lambda manifest: manifest.update(schema="zif.bundle/2"))
    with pytest.raises(InvalidBundle, match=r"'zif\.bundle/2', and this zif reads 'zif\.bundle/1'"):
        open_bundle(folder)
    assert is_bundle(folder)


def test_files_that_are_not_listed_are_noted_and_not_used(folder):
    (folder / "README.md").write_text("ours")
    (folder / "segments" / "extra.onnx").write_text("ours")
    assert open_bundle(folder).unlisted == ("README.md", "segments/extra.onnx")


def test_an_existing_bundle_is_replaced_only_on_request(folder, artifacts):
    before = listing(folder)
    with pytest.raises(UsageError, match="exists: name another folder, or replace it with --overwrite"):
        write_bundle(folder, PLANS, artifacts)
    assert listing(folder) == before
    write_bundle(folder, PLANS, {(1, ELITE): onnx(b"new")}, overwrite=True)
    assert listing(folder) == ["input_specs.json", "manifest.json", "segments/01-reference.onnx"]
    assert drafts(folder.parent) == []


def test_another_folder_is_never_replaced(tmp_path, artifacts):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="is no bundle, so it is not replaced"):
            write_bundle(home, PLANS, artifacts, overwrite=overwrite)
    assert listing(home) == ["thesis.tex"]
    file = home / "thesis.tex"
    with pytest.raises(UsageError):
        write_bundle(file, PLANS, artifacts, overwrite=True)


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path, artifacts):
    (tmp_path / "empty").mkdir()
    open_bundle(write_bundle(tmp_path / "empty", PLANS, artifacts))
    open_bundle(write_bundle(tmp_path / "a/b/c", PLANS, artifacts))


def test_a_link_to_a_bundle_is_followed(folder, artifacts):
    other = folder.with_name("link")
    other.symlink_to(folder)
    write_bundle(other, PLANS, {(1, ELITE): onnx(b"new")}, overwrite=True)
    assert other.is_symlink()
    assert contents(open_bundle(folder).load_compiled(1)) == {"model.onnx": b"new"}


@pytest.mark.parametrize("when", ["files", "manifest", "swap"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_interrupt_or_a_full_disk_leaves_everything_as_it_was(folder, artifacts, monkeypatch, when, error):
    before = {name: (folder / name).read_bytes() for name in listing(folder)}

    def fail(*args, **kwargs):
        raise error

    if when == "files":
        real, calls = write.write_file, []
        monkeypatch.setattr(
            write, "write_file", lambda *a, **k: fail() if calls.append(a) or len(calls) > 2 else real(*a, **k)
        )
    elif when == "manifest":
        monkeypatch.setattr(write, "seal", fail)
    else:
        rename = Path.rename
        monkeypatch.setattr(replace, "exchange", lambda *folders: False)  # as on systems that cannot
        monkeypatch.setattr(Path, "rename", lambda self, to: fail() if ".draft-" in self.name else rename(self, to))
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else NotWritten):
        write_bundle(folder, PLANS, {(1, ELITE): onnx(b"new")}, overwrite=True)
    assert {name: (folder / name).read_bytes() for name in listing(folder)} == before
    assert drafts(folder.parent) == []
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else NotWritten):
        write_bundle(folder.with_name("new"), PLANS, artifacts)
    assert drafts(folder.parent) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_disk_that_is_really_full(tmp_path, artifacts, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "zif-test", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no mount: {mounted.stderr.decode()}")
    try:
        with pytest.raises(NotWritten, match="MiB are needed and 1 MiB are free"):
            write_bundle(disk / "net.zif", PLANS, artifacts)
        assert os.listdir(disk) == []
        monkeypatch.setattr(write, "_room", lambda *_: None)  # as when another program fills the disk meanwhile
        with pytest.raises(NotWritten, match="No space left on device"):
            write_bundle(disk / "net.zif", PLANS, artifacts)
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_place_that_cannot_be_written(tmp_path, artifacts):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_bundle(tmp_path / "file" / "net.zif", PLANS, artifacts)


def test_an_artifact_whose_file_is_gone_is_an_error_and_leaves_nothing(tmp_path):
    gone = {(0, ELITE): onnx(w=tmp_path / "gone.data")}
    with pytest.raises(UsageError, match=r"gone\.data"):
        write_bundle(tmp_path / "net.zif", PLANS, gone)
    assert os.listdir(tmp_path) == []


def test_a_killed_writer_leaves_no_bundle_and_its_rest_is_swept_later(tmp_path, artifacts):
    code = """
    import os, signal, sys
    sys.path[:0] = {path!r}
    from zif import Compiled
    from zif.artifacts.bundle import write, write_bundle
    real = write.write_file
    def write_file(content, folder, name, **how):
        if name == "manifest.json":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(content, folder, name, **how)
    write.write_file = write_file
    write_bundle({root!r}, {{"host": {{}}}}, {{(0, "host"): Compiled("onnx", {{"m": b"x" * 99999}}, "m", (), ())}})
    """
    root = tmp_path / "net.zif"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code).format(path=sys.path, root=str(root))])
    assert done.returncode < 0
    assert not root.exists()
    (rest,) = drafts(tmp_path)
    old = time.time() - 2e5
    os.utime(tmp_path / rest, (old, old))
    write_bundle(root, PLANS, artifacts)
    assert drafts(tmp_path) == []
    open_bundle(root).verify()


def test_reading_runs_no_code(folder):
    """What is called .py or .pkl in there is bytes."""
    (folder / "sitecustomize.py").write_text("raise SystemExit(9)")
    code = (
        f"import os; os.chdir({str(folder)!r})\nfrom zif.artifacts.bundle import open_bundle\nopen_bundle('.').verify()"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-P", "-c", code], env=env).returncode == 0
