"""A cache is kept only in a folder that is zif's own, and only what zif put there is run or deleted."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from pathlib import Path

import attrs
import pytest
from artifacts.plain import Use, artifact, contents
from zif import Target, UsageError
from zif.artifacts import userkey
from zif.artifacts.cache import Cache, Hit, Miss, ground, key_of
from zif.artifacts.cache.place import kept_folder
from zif.artifacts.sealing import seal

POSIX = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX")
OLD = time.time() - 90_000


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", spare_s=0)


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and not p.is_symlink()}


def aged(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        os.utime(path, (OLD, OLD), follow_symlinks=False)


def project(root: Path) -> dict[str, bytes]:
    """A folder of the user's that has folders of the same names as a cache."""
    for name in ("artifacts/release-1.0/app.bin", "artifacts/notes.txt", "artifacts/.git/HEAD", "locks/poetry.lock"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("the user's")
    aged(root)
    return tree(root)


def test_a_new_folder_is_taken_and_marked_for_backup_tools(cache: Cache) -> None:
    Use(cache).fetch()
    assert (cache.root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n# zif")
    assert os.name != "posix" or stat.S_IMODE(cache.root.stat().st_mode) == 0o700


def test_an_empty_folder_is_taken(cache: Cache) -> None:
    cache.root.mkdir(mode=0o755)
    use = Use(cache)
    use.fetch()
    assert (use.told, len(cache.entries())) == ([], 1)
    assert os.name != "posix" or stat.S_IMODE(cache.root.stat().st_mode) == 0o700


@pytest.mark.parametrize("what", ["clear", "verify", "trim", "entries", "fetch"])
def test_a_folder_of_the_users_is_left_as_it_is(cache: Cache, what: str) -> None:
    before = project(cache.root)
    use = Use(cache)
    if what == "fetch":
        assert use.fetch() is use.artifact
        assert "is no folder that zif made: it holds" in use.told[0]
    else:
        with pytest.raises(UsageError, match=r"is no folder that zif made: it holds .*ZIF_CACHE=FOLDER names"):
            getattr(cache, what)()
    assert tree(cache.root) == before


def test_a_file_at_its_place_is_said(cache: Cache) -> None:
    cache.root.write_text("mine")
    use = Use(cache)
    assert use.fetch() is use.artifact
    assert "is no folder" in use.told[0]
    assert cache.root.read_text() == "mine"


@POSIX
@pytest.mark.parametrize("name", ["", "artifacts", "locks"])
def test_links_are_not_followed(cache: Cache, tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text("secret")
    (home / (".draft-abcdefgh")).write_text("named like ours")
    aged(home)
    before = tree(home)
    if name:
        Use(cache).fetch()
        shutil.rmtree(cache.root / name)
    (cache.root / name).symlink_to(home)
    use = Use(cache)
    assert use.fetch() is use.artifact
    assert "is a link, and the cache follows none" in use.told[0]
    for ask in (cache.clear, cache.verify, cache.trim):
        with pytest.raises(UsageError, match="is a link"):
            ask()
    assert tree(home) == before


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702])
def test_a_folder_that_others_can_write_to_is_not_used(cache: Cache, mode: int) -> None:
    Use(cache).fetch()
    cache.root.chmod(mode)
    use = Use(cache)
    assert use.fetch() is use.artifact
    assert f"`chmod 700 {cache.root}` closes it" in use.told[0]
    assert stat.S_IMODE(cache.root.stat().st_mode) == mode
    cache.root.chmod(0o755)
    again = Use(cache)
    again.fetch()
    assert (again.made, again.told) == (0, [])
    assert stat.S_IMODE(cache.root.stat().st_mode) == 0o700


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to give a folder away")
def test_a_folder_of_another_user_is_not_used(cache: Cache) -> None:
    Use(cache).fetch()
    os.chown(cache.root / "artifacts", 65534, 65534)
    use = Use(cache)
    assert use.fetch() is use.artifact
    assert "artifacts belongs to another user" in use.told[0]


@pytest.mark.parametrize("where", ["home", "around", "root"])
def test_the_users_home_is_no_cache_even_when_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    home = tmp_path / "users" / "me"
    if where != "around":
        home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    root = {"home": home, "around": home.parent, "root": Path(home.anchor)}[where]
    with pytest.raises(UsageError, match="no place for a cache|is no folder that zif made"):
        ground.claim(root)
    assert not (root / "CACHEDIR.TAG").exists()


def before_the_tag(cache: Cache) -> Path:
    """A cache as zif left it before it wrote a tag and sealed with a key."""
    Use(cache).fetch()
    (entry,) = cache.entries()
    index = json.loads((entry.folder / "artifact.json").read_text())
    for name in ("sha256", "seal"):
        index.pop(name)
    (entry.folder / "artifact.json").write_bytes(seal(index | {"schema": "zif.artifact/1"}))
    (cache.root / "CACHEDIR.TAG").unlink()
    (cache.root / "some_npu" / "verdicts").mkdir(parents=True)
    (cache.root / "some_npu" / "verdicts" / f"{'a' * 64}.json").write_text("{}")
    (cache.root / "some_runtime").mkdir()
    (cache.root / "some_runtime" / f"{'b' * 64}.json").write_text("{}")
    (cache.root / "artifacts" / ".gone-12-345").mkdir()
    cache.root.chmod(0o755)
    return entry.folder


def test_an_old_cache_of_ours_is_taken_and_its_artifacts_are_made_anew(cache: Cache) -> None:
    before_the_tag(cache)
    use = Use(cache)
    use.fetch()
    assert use.made == 1
    assert "'zif.artifact/1'" in use.told[0]
    assert (cache.root / "CACHEDIR.TAG").exists()
    assert [len(cache.entries()), cache.verify()] == [1, {}]


@pytest.mark.parametrize(
    "stranger",
    ["notes.txt", "artifacts/x/y", "artifacts/.git/HEAD", "locks/poetry.lock", "some_npu/x.json", "artifacts/HEX/x"],
)
def test_one_thing_that_is_not_ours_makes_it_a_strangers_folder(cache: Cache, stranger: str) -> None:
    before_the_tag(cache)
    path = cache.root / stranger.replace("HEX", "c" * 64)
    path.parent.mkdir(exist_ok=True)
    path.write_text("the user's")
    before = tree(cache.root)
    with pytest.raises(UsageError, match="is no folder that zif made"):
        cache.clear()
    assert tree(cache.root) == before


def test_a_tag_of_another_tool_or_a_link_to_one_is_not_ours(cache: Cache, tmp_path: Path) -> None:
    cache.root.mkdir()
    (cache.root / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n# pip made this\n")
    with pytest.raises(UsageError, match=r"'CACHEDIR\.TAG'"):
        ground.claim(cache.root)
    ground.claim(tmp_path / "other")
    (cache.root / "CACHEDIR.TAG").unlink()
    (cache.root / "CACHEDIR.TAG").symlink_to(tmp_path / "other" / "CACHEDIR.TAG")
    with pytest.raises(UsageError, match=r"'CACHEDIR\.TAG'"):
        ground.claim(cache.root)


@pytest.mark.parametrize("written", [0, 10, 60])
def test_a_tag_that_was_cut_off_is_completed(cache: Cache, written: int) -> None:
    """Another process is writing it, or was killed while it did."""
    ground.claim(cache.root)
    tag = cache.root / "CACHEDIR.TAG"
    whole = tag.read_bytes()
    tag.write_bytes(whole[:written])
    assert not ground.is_ours(cache.root)
    ground.claim(cache.root)
    assert tag.read_bytes() == whole


def test_what_lies_among_the_artifacts_stays_and_is_told(cache: Cache) -> None:
    Use(cache).fetch()
    Use(cache, target=Target("sa8295p")).fetch()
    artifacts = cache.artifacts
    (artifacts / "release").mkdir()
    (artifacts / "release" / "app.bin").write_text("the user's")
    (artifacts / ".git").mkdir()
    (artifacts / ("d" * 64)).write_text("a file that is named like an artifact")
    (artifacts / ".draft-nothex!!").mkdir()
    (cache.root / "locks" / "poetry.lock").write_text("the user's")
    aged(cache.root)
    mine = [".draft-nothex!!", ".git", "d" * 64, "release"]
    assert cache.strangers() == mine
    assert cache.clear()[0] == 2
    assert cache.verify() == {}
    assert sorted(path.name for path in artifacts.iterdir()) == mine
    assert (artifacts / "release" / "app.bin").read_text() == "the user's"
    assert (cache.root / "locks" / "poetry.lock").exists()


@POSIX
def test_links_among_the_artifacts_stay_and_are_not_followed(cache: Cache, tmp_path: Path) -> None:
    Use(cache).fetch()
    (key,) = [entry.name for entry in cache.entries()]
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "thesis.tex").write_text("years of work")
    aged(outside)
    for name in (".draft-abcdefgh", ".gone-1-2", "e" * 64):
        (cache.artifacts / name).symlink_to(outside)
        os.utime(cache.artifacts / name, (OLD, OLD), follow_symlinks=False)
    shutil.move(cache.artifacts / key, tmp_path / "moved")
    (cache.artifacts / key).symlink_to(tmp_path / "moved")
    use = Use(cache)
    assert contents(use.fetch()) == contents(use.artifact)
    cache.clear()
    cache.verify()
    cache.trim()
    assert (outside / "thesis.tex").read_text() == "years of work"
    assert (tmp_path / "moved" / "artifact.json").exists()


def test_clear_counts_what_it_removed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    Use(cache).fetch()
    Use(cache, target=Target("sa8295p")).fetch()
    (cache.entries()[0].folder / "artifact.json").unlink()
    assert cache.clear() == (2, 5002)
    Use(cache).fetch()
    monkeypatch.setattr(Cache, "discard", lambda self, folder: False)
    assert cache.clear() == (0, 0)


def forged(cache: Cache, use: Use) -> Path:
    """An entry that somebody else put under a key that will be asked for: other content, sealed without the key."""
    use.fetch()
    folder = cache.artifacts / key_of(use.backend, use.model, use.target, use.options, use.toolchain).hash
    index = json.loads((folder / "artifact.json").read_text())
    (folder / "files" / "model.bin").write_bytes(b"\x02" * 5000)
    import hashlib

    index["files"]["model.bin"]["sha256"] = hashlib.sha256(b"\x02" * 5000).hexdigest()
    index.pop("sha256")
    (folder / "artifact.json").write_bytes(seal(index))
    return folder


def test_a_forged_entry_is_not_run_but_made_anew_with_an_event(cache: Cache) -> None:
    forged(cache, Use(cache))
    use = Use(cache)
    assert contents(use.fetch()) == contents(use.artifact)
    assert use.made == 1
    assert "does not carry this user's seal" in use.told[0]


def test_an_entry_under_the_name_of_another_is_not_run(cache: Cache) -> None:
    """What was sealed for one key is put under another, its description too: the seal is on the name as well."""
    first, second = Use(cache), Use(cache, target=Target("sa8295p"), artifact=artifact(other=b"x"))
    keys = [key_of(u.backend, u.model, u.target, u.options, u.toolchain) for u in (first, second)]
    first.fetch()
    second.fetch()
    one, two = (cache.artifacts / key.hash for key in keys)
    index = json.loads((two / "artifact.json").read_text())
    index.pop("sha256")
    index["key"] = attrs.asdict(keys[0])
    (two / "artifact.json").write_bytes(seal(index))
    shutil.rmtree(one)
    two.rename(one)
    use = Use(cache)
    assert contents(use.fetch()) == contents(use.artifact)
    assert use.made == 1


def test_an_entry_of_another_user_is_made_anew(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Use(cache).fetch()
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "another user's data"))
    assert cache.entries() == []
    use = Use(cache)
    use.fetch()
    assert use.made == 1


def test_why_says_damaged_where_a_run_would(cache: Cache) -> None:
    use = Use(cache)
    use.fetch()
    key = key_of(use.backend, use.model, use.target, use.options, use.toolchain)
    assert isinstance(cache.lookup(key), Hit)
    (cache.entries()[0].folder / "files" / "model.bin").write_bytes(b"\x02" * 5000)
    missed = cache.lookup(key)
    assert isinstance(missed, Miss)
    assert missed.damaged
    assert "model.bin was changed" in missed.reason
    again = Use(cache)
    again.fetch()
    assert "model.bin was changed" in again.told[0]


@POSIX
def test_the_key_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("ZIF_DATA", str(data))
    made = userkey.seal_of("test", "text")
    key = data / userkey.FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.stat().st_size == 32
    userkey._key_at.cache_clear()
    assert userkey.sealed_by_user("test", "text", made)
    for purpose, text, other in (("other", "text", made), ("test", "texts", made), ("test", "text", None)):
        assert not userkey.sealed_by_user(purpose, text, other)
    assert not userkey.sealed_by_user("test", "text", "é")
    assert os.listdir(data) == [userkey.FILE]


def spoil_mode(key: Path) -> None:
    key.chmod(0o644)


def spoil_size(key: Path) -> None:
    key.write_bytes(b"short")


def spoil_link(key: Path) -> None:
    key.rename(key.with_name("real"))
    key.symlink_to(key.with_name("real"))


def spoil_pipe(key: Path) -> None:
    key.unlink()
    os.mkfifo(key)


@POSIX
@pytest.mark.parametrize("spoil", [spoil_mode, spoil_size, spoil_link, spoil_pipe])
def test_a_key_that_others_may_know_is_not_used_and_nothing_is_deleted_for_it(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: object
) -> None:
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "data"))
    Use(cache).fetch()
    spoil(tmp_path / "data" / userkey.FILE)  # type: ignore[operator]
    userkey._key_at.cache_clear()
    before = tree(cache.root)
    use = Use(cache)
    assert use.fetch() is use.artifact
    assert userkey.FILE in use.told[0]
    with pytest.raises(UsageError, match=userkey.FILE):
        cache.verify()
    assert tree(cache.root) == before


@pytest.mark.parametrize("state", ["new", "a project"])
def test_a_backends_answers_are_kept_in_a_folder_of_ours_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    root = tmp_path / "place"
    monkeypatch.setenv("ZIF_CACHE", str(root))
    if state == "new":
        assert kept_folder() == root
        assert (root / "CACHEDIR.TAG").exists()
    else:
        before = project(root)
        assert kept_folder() is None
        assert tree(root) == before


def test_a_relative_place_is_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZIF_CACHE", "here")
    assert kept_folder() == tmp_path / "here"
