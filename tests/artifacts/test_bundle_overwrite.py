"""`--overwrite` replaces a bundle and nothing beside it, in one step; a killed one leaves the old or the new whole."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from zif import Compiled, UsageError
from zif.artifacts import sealing
from zif.artifacts.bundle import check_place, open_bundle, replace, write_bundle


def made(folder: Path, content: bytes = b"old", *, overwrite: bool = False) -> Path:
    files: dict[str, bytes | Path] = {"m": content, "deep/er/x": content}
    return write_bundle(folder, {"host": {}}, {(0, "host"): Compiled("x", files, "m", (), ())}, overwrite=overwrite)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return made(tmp_path / "b.zif")


def content(bundle: Path) -> object:
    compiled = open_bundle(bundle).load_compiled(0)
    return compiled.files["m"]


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "manifest", ['{"reads": ["zif.bundle/1"]}', '{"schema": ["zif.bundle/1"]}', '"zif.bundle/1"', "{"]
)
def test_a_project_that_speaks_of_bundles_is_none(tmp_path: Path, manifest: str) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "main.c").write_text("years of work")
    (project / "manifest.json").write_text(manifest)
    with pytest.raises(UsageError, match="is no bundle, so it is not replaced"):
        made(project, overwrite=True)
    assert tree(project) == ["manifest.json", "src", "src/main.c"]


def in_the_place_of(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


STRANGERS: dict[str, Callable[[Path], object]] = {
    "a file": lambda b: (b / "notes.txt").write_text("mine"),
    "a file among the artifacts": lambda b: (b / "context_binaries" / "notes.txt").write_text("mine"),
    "a hidden folder": lambda b: (b / ".git").mkdir(),
    "an empty folder": lambda b: (b / "mine").mkdir(),
    "a link": lambda b: (b / "link").symlink_to(b.parent),
    "a link in a file's place": lambda b: in_the_place_of(b / "input_specs.json", lambda p: p.symlink_to("m")),
    "a pipe in a file's place": lambda b: in_the_place_of(b / "input_specs.json", os.mkfifo),
}


@pytest.mark.skipif(os.name != "posix", reason="pipes and links as POSIX has them")
@pytest.mark.parametrize("how", STRANGERS)
def test_what_the_manifest_does_not_list_keeps_the_folder(bundle: Path, how: str) -> None:
    STRANGERS[how](bundle)
    before = tree(bundle)
    with pytest.raises(UsageError, match="which its manifest does not list. --overwrite replaces a bundle and nothing"):
        check_place(bundle, overwrite=True)
    with pytest.raises(UsageError):
        made(bundle, b"new", overwrite=True)
    assert tree(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["b.zif"]


def test_names_are_told_and_not_all_of_a_thousand(bundle: Path) -> None:
    for number in range(1000):
        (bundle / f"note-{number:03}").touch()
    with pytest.raises(UsageError, match=r"note-000, note-001, note-002, note-003, note-004 and 995 more"):
        check_place(bundle, overwrite=True)


def test_a_bundle_whose_manifest_is_damaged_is_not_replaced(bundle: Path) -> None:
    """What zif wrote there cannot be told from what it did not."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["thesis.tex"] = {"sha256": "0" * 64, "bytes": 1}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    (bundle / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="is a damaged bundle"):
        made(bundle, b"new", overwrite=True)
    assert (bundle / "thesis.tex").exists()


def forged(project: Path, listed: list[Path], like: Path, seal: str | None) -> None:
    """A manifest as zif writes them, with the right hashes, that lists the files of a user."""
    manifest = json.loads((like / "manifest.json").read_text())
    manifest |= {"artifacts": [], "files": {}}
    del manifest["sha256"], manifest["seal"]
    for path in listed:
        data = path.read_bytes()
        content = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        manifest["files"][path.relative_to(project).as_posix()] = content
    (project / "manifest.json").write_bytes(sealing.seal(manifest | ({"seal": seal} if seal else {})))


@pytest.mark.parametrize("names", [["thesis.tex"], ["segments/00-net.onnx", "session.json"]])
@pytest.mark.parametrize("seal", [None, "0" * 64, "that of another"])
def test_a_forged_manifest_gives_no_file_of_the_user_away(
    tmp_path: Path, bundle: Path, names: list[str], seal: str | None
) -> None:
    project = tmp_path / "project"
    for name in names:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("years of work")
    if seal == "that of another":  # of this user, but on what this user has made
        seal = json.loads((bundle / "manifest.json").read_text())["seal"]
    forged(project, [project / name for name in names], bundle, seal)
    before = tree(project)
    with pytest.raises(UsageError, match="name another folder, or delete it yourself"):
        made(project, b"new", overwrite=True)
    assert tree(project) == before


def test_what_another_user_made_is_not_replaced(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "of-another"))
    with pytest.raises(UsageError, match="whose seal is not of this user's key"):
        made(bundle, b"new", overwrite=True)
    assert content(bundle) == b"old"


def test_a_bundle_whose_files_are_missing_is_replaced(bundle: Path) -> None:
    (bundle / "input_specs.json").unlink()
    made(bundle, b"new", overwrite=True)
    assert content(bundle) == b"new"


def test_a_file_that_somebody_wrote_into_is_not_lost(bundle: Path) -> None:
    (bundle / "input_specs.json").write_text("my notes")
    with pytest.raises(UsageError, match="holds input_specs.json, which is not as this zif wrote it"):
        made(bundle, b"new", overwrite=True)
    assert (bundle / "input_specs.json").read_text() == "my notes"


@pytest.mark.parametrize("can", [True, False])
def test_the_old_one_is_gone_and_nothing_lies_beside(bundle: Path, monkeypatch: pytest.MonkeyPatch, can: bool) -> None:
    if not can:
        monkeypatch.setattr(replace, "exchange", lambda *folders: False)
    made(bundle, b"new", overwrite=True)
    assert content(bundle) == b"new"
    assert [path.name for path in bundle.parent.iterdir()] == ["b.zif"]


@pytest.mark.skipif(sys.platform != "linux", reason="where it is known to be possible")
def test_two_folders_are_swapped_in_one_step(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert replace.exchange(tmp_path / "a", tmp_path / "b")
    assert tree(tmp_path) == ["a", "a/b", "b", "b/a"]
    assert not replace.exchange(tmp_path / "a", tmp_path / "none")


def test_what_is_put_there_meanwhile_is_kept(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the swap, somebody saves a file into the folder."""
    put = replace.put

    def late(draft: Path, place: Path) -> None:
        (place / "notes.txt").write_text("mine")
        put(draft, place)

    monkeypatch.setattr("zif.artifacts.bundle.write.put", late)
    made(bundle, b"new", overwrite=True)
    assert content(bundle) == b"new"
    (kept,) = bundle.parent.glob("b.zif.kept-*")
    assert tree(kept) == ["notes.txt"]


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from zif import Compiled
from zif.artifacts.bundle import replace, write_bundle
import zif.artifacts.bundle.write as write
count = 0
def die(*args):
    global count
    count += 1
    if count == {at}:
        os.kill(os.getpid(), signal.SIGKILL)
def before(module, name):
    real = getattr(module, name)
    def call(*args, **kwargs):
        die()
        made = real(*args, **kwargs)
        die()
        return made
    setattr(module, name, call)
for module, name in ((write, "write_file"), (write, "put"), (replace, "exchange"), (replace, "remove_inside")):
    before(module, name)
files = {{"m": b"new", "deep/er/x": b"new"}}
write_bundle({root!r}, {{"host": {{}}}}, {{(0, "host"): Compiled("x", files, "m", (), ())}}, overwrite=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the swap in one step")
def test_killed_at_any_moment_the_old_or_the_new_one_is_whole(tmp_path: Path) -> None:
    seen = set()
    for at in range(1, 40):
        bundle = made(tmp_path / f"{at}" / "b.zif")
        code = textwrap.dedent(KILLED).format(path=sys.path, root=str(bundle), at=at)
        done = subprocess.run([sys.executable, "-c", code])
        open_bundle(bundle).verify()
        seen.add(content(bundle))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        for part in bundle.parent.glob(".*"):
            os.utime(part, (time.time() - 2e5,) * 2)
        made(bundle, b"again", overwrite=True)
        assert [path.name for path in bundle.parent.iterdir()] == ["b.zif"]
    assert done.returncode == 0
    assert seen == {b"old", b"new"}


def test_what_only_looks_like_a_rest_of_ours_stays(bundle: Path) -> None:
    mine = [
        ".b.zif.draft-notes.zif-part",
        ".b.zif.my-work.zif-part",
        ".b.zif.old-1234567.zif-part",
        ".other.zif.old-12345678.zif-part",
    ]
    for name in mine:
        folder = bundle.parent / name
        folder.mkdir()
        (folder / "thesis.tex").write_text("years of work")
        os.utime(folder, (time.time() - 2e5,) * 2)
    if os.name == "posix":
        (bundle.parent / ".b.zif.draft-12345678.zif-part").symlink_to(bundle.parent / mine[0])
    made(bundle, b"new", overwrite=True)
    assert all((bundle.parent / name / "thesis.tex").exists() for name in mine)


def test_of_a_replaced_bundle_only_the_listed_files_are_swept(bundle: Path) -> None:
    rest = bundle.with_name(".b.zif.old-0123abcd.zif-part")
    made(rest)
    (rest / "notes.txt").write_text("mine")
    os.utime(rest, (time.time() - 2e5,) * 2)
    made(bundle, b"new", overwrite=True)
    assert tree(rest) == ["notes.txt"]
