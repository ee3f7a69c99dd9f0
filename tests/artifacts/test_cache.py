"""What was made once is found again, whole, for exactly the same question; nothing on disk can break a command."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import attrs
import pytest
from artifacts.plain import CHIP, Backend, Model, Options, Use, artifact, contents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zif import Rates, Target, UsageError
from zif.artifacts.cache import Cache, Hit, Miss, key_of


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", spare_s=0)


def key(use):
    return key_of(use.backend, use.model, use.target, use.options, use.toolchain)


def entry_of(cache):
    (entry,) = cache.entries()
    return entry


def leftovers(cache):
    return [path.name for path in cache.artifacts.glob(".*")] if cache.artifacts.exists() else []


def test_the_second_time_it_is_found_whole(cache):
    first, second = Use(cache), Use(cache)
    made, found = first.fetch(), second.fetch()
    assert (first.made, second.made, first.told, second.told) == (1, 0, [], [])
    assert contents(made) == contents(found) == contents(first.artifact)
    assert all(isinstance(item, Path) for item in found.files.values())
    assert attrs.evolve(found, files={}) == attrs.evolve(first.artifact, files={})
    assert leftovers(cache) == []


def test_files_lie_beside_each_other_as_the_backend_named_them(cache):
    found = Use(cache).fetch()
    assert found.files["sub/info.json"].parent.parent == found.files["model.bin"].parent


CHANGES = {
    "model": {"model": Model("f" * 64, "other-00")},
    "version": {"backend": Backend(version="1.1")},
    "toolchain": {"toolchain": "QNN 2.52"},
    "target": {"target": Target("sa8295p")},
    "options": {"options": Options(vtcm_mb=8)},
    "chip": {"target": Target("snapdragon-8-elite", vendor={"acme": {"generation": 73}})},
}
WORDS = {
    "model": "never compiled by qnn before",
    "version": "the plugin was 1.0, is 1.1",
    "toolchain": "compiled with QNN 2.51 then, QNN 2.52 now",
    "target": "compiled for snapdragon-8-elite, not for sa8295p",
    "options": "option vtcm_mb was 4, is 8",
    "chip": "the chip's acme.generation was None, is 73",
}


@pytest.mark.parametrize("part", CHANGES)
def test_each_part_of_the_key_counts_and_is_named_when_it_differs(cache, part):
    Use(cache).fetch()
    other = Use(cache, **CHANGES[part])
    missed = cache.lookup(key(other), other.model.name)
    assert missed == Miss(WORDS[part], "" if part == "model" else part)
    other.fetch()
    assert other.made == 1
    assert isinstance(cache.lookup(key(other)), Hit)


def test_what_a_chip_is_called_or_priced_at_changes_no_artifact(cache):
    dearer = attrs.evolve(
        CHIP, title="Elite", processors={"npu": Rates({"int8": 1e12}, 1e10)}, sources={"npu": "a file"}
    )
    assert key(Use(cache)) == key(Use(cache, target=dearer))


def test_another_chip_is_named_and_not_described(cache):
    Use(cache).fetch()
    other = key(Use(cache, target=Target("sa8295p", vendor={"acme": {"generation": 68}})))
    assert cache.lookup(other).reason == "compiled for snapdragon-8-elite, not for sa8295p"


def test_changed_content_under_the_same_name_is_told_apart_from_never(cache):
    Use(cache).fetch()
    missed = cache.lookup(key(Use(cache, model=Model("f" * 64))), "net-00")
    assert missed.part == "model"
    assert "net-00 has other content than when it was compiled on" in missed.reason


def test_the_nearest_entry_explains_the_miss(cache):
    Use(cache, toolchain="QNN 2.40", target=Target("sa8295p")).fetch()
    Use(cache, toolchain="QNN 2.50").fetch()
    assert cache.lookup(key(Use(cache))).reason == "compiled with QNN 2.50 then, QNN 2.51 now"


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.frozensets(st.text(max_size=3)), st.tuples)
)
def test_a_key_survives_the_way_through_a_file(tmp_path, value):
    one = key(Use(None, options=Options(extra=value)))
    again = type(one)(**json.loads(json.dumps(attrs.asdict(one))))
    assert again == one
    assert again.hash == one.hash


def damage_flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "one flipped bit": damage_flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-2]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "empty": lambda path: path.write_bytes(b""),
    "random": lambda path: path.write_bytes(random.Random(1).randbytes(path.stat().st_size)),
    "gone": lambda path: path.unlink(),
    "a link": lambda path: (shutil.move(path, path.with_suffix(".real")), path.symlink_to(path.with_suffix(".real"))),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("file", ["files/model.bin", "files/sub/info.json", "artifact.json"])
@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_noticed_told_and_made_good(cache, file, how):
    Use(cache).fetch()
    if file == "artifact.json" and how == "a link":
        pytest.skip("the index is read through a link: its seal holds")
    DAMAGES[how](entry_of(cache).folder / file)
    after, later = Use(cache), Use(cache)
    assert contents(after.fetch()) == contents(after.artifact)
    assert after.made == 1
    assert len(after.told) == 1
    later.fetch()
    assert (later.made, later.told) == (0, [])


@pytest.mark.parametrize("how", DAMAGES)
def test_verify_finds_and_removes_damage(cache, how):
    Use(cache).fetch()
    Use(cache, **CHANGES["target"]).fetch()
    assert cache.verify() == {}
    victim = cache.entries()[0]
    DAMAGES[how](victim.folder / "files" / "model.bin")
    assert list(cache.verify()) == [victim.name]
    assert len(cache.entries()) == 1


def test_swapped_entries_are_not_taken_for_each_other(cache):
    Use(cache).fetch()
    Use(cache, **CHANGES["target"], artifact=artifact(other=b"x")).fetch()
    one, two = (entry.folder for entry in cache.entries())
    one.rename(one.with_name("aside"))
    two.rename(one)
    (one.parent / "aside").rename(two)
    use = Use(cache)
    assert contents(use.fetch()) == contents(use.artifact)
    assert use.made == 1
    assert "does not carry this user's seal" in use.told[0]


def test_an_index_of_another_schema_is_not_read(cache):
    Use(cache).fetch()
    index = entry_of(cache).folder / "artifact.json"
    index.write_text(index.read_text().replace("zif.artifact/2", "zif.artifact/9"))
    use = Use(cache)
    use.fetch()
    assert "'zif.artifact/9'" in use.told[0]


def test_files_of_the_model_itself_are_referred_to_not_copied(cache, tmp_path):
    weights, moved = tmp_path / "w.bin", tmp_path / "moved.bin"
    weights.write_bytes(b"w" * 1000)
    made = artifact(**{"w.bin": weights})
    assert Use(cache, artifact=made, model=Model(outside={"w.bin": weights})).fetch().files["w.bin"] == weights
    assert entry_of(cache).bytes < 6000
    weights.rename(moved)
    again = Use(cache, model=Model(outside={"w.bin": moved}))
    assert again.fetch().files["w.bin"] == moved
    assert again.made == 0
    lost = Use(cache, artifact=made, model=Model(outside={"w.bin": weights, "other": moved}))
    weights.write_bytes(b"w" * 1000)
    lost.fetch()
    assert lost.made == 0


def test_other_files_are_copied_because_a_backend_may_delete_them(cache, tmp_path):
    (tmp_path / "out.bin").write_bytes(b"o" * 100)
    found = Use(cache, artifact=artifact(**{"out.bin": tmp_path / "out.bin"})).fetch()
    (tmp_path / "out.bin").unlink()
    assert contents(found)["out.bin"] == b"o" * 100


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a/../../b", "", "a//b", "c:x", "a\\b", "x\0y", "."])
def test_a_file_name_that_leaves_the_folder_is_not_kept(cache, name, tmp_path):
    use = Use(cache, artifact=artifact(**{name: b"evil"}))
    assert contents(use.fetch())[name] == b"evil"
    assert "no plain relative file name" in use.told[0]
    assert cache.entries() == []
    assert leftovers(cache) == []
    assert sorted(os.listdir(tmp_path)) == ["cache"]


def test_the_least_recently_used_goes_first(tmp_path):
    cache = Cache(tmp_path, limit=16_000, spare_s=0)
    uses = [Use(cache, target=Target(name)) for name in "abcd"]
    for n, use in enumerate(uses[:3]):
        use.fetch()
        os.utime(cache.artifacts / key(use).hash / "artifact.json", (n + 1e9, n + 1e9))
    uses[0].fetch()  # used again: now the most recent
    uses[3].fetch()
    assert {entry.key.target for entry in cache.entries()} == {"a", "c", "d"}
    assert cache.entries()[0].key.target == "d"


def test_what_was_just_used_is_spared(tmp_path):
    cache = Cache(tmp_path, limit=6_000, spare_s=600)
    for name in "ab":
        Use(cache, target=Target(name)).fetch()
    assert len(cache.entries()) == 2


def test_what_is_larger_than_the_cache_is_not_kept(tmp_path):
    use = Use(Cache(tmp_path, limit=100))
    assert use.fetch() is use.artifact
    assert "larger than the cache may be" in use.told[0]


def test_clear_and_remove(cache):
    for name in "abc":
        Use(cache, target=Target(name)).fetch()
    assert cache.remove(cache.entries()[0].name)
    assert not cache.remove("..")
    assert not cache.remove("nothing")
    assert cache.clear() == (2, 2 * 5002)
    assert cache.entries() == []
    assert leftovers(cache) == []


def test_an_empty_or_missing_cache_is_fine(tmp_path):
    cache = Cache(tmp_path / "never")
    assert (cache.entries(), cache.verify(), cache.clear(), cache.trim()) == ([], {}, (0, 0), [])
    assert not (tmp_path / "never").exists()


def test_what_killed_processes_left_is_swept_when_it_is_old(cache):
    Use(cache).fetch()
    for name, age in ((".draft-abcdef_0", 2e5), (".gone-12-345", 2e5), (".draft-abcdef_1", 0)):
        folder = cache.artifacts / name
        folder.mkdir()
        (folder / "part.bin").write_bytes(b"x")
        os.utime(folder, (time.time() - age,) * 2)
    Use(cache, **CHANGES["target"]).fetch()
    assert leftovers(cache) == [".draft-abcdef_1"]


def test_an_interrupt_while_compiling_leaves_nothing_and_frees_the_lock(cache):
    def interrupted():
        raise KeyboardInterrupt

    use = Use(cache)
    use._make = interrupted
    with pytest.raises(KeyboardInterrupt):
        use.fetch()
    assert (cache.entries(), leftovers(cache)) == ([], [])
    again = Use(cache)
    again.fetch()
    assert (again.made, again.told) == (1, [])


def test_an_interrupt_while_writing_leaves_nothing(cache, monkeypatch):
    from zif.artifacts.cache import entry

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "seal", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Use(cache).fetch()
    assert (cache.entries(), leftovers(cache)) == ([], [])


def test_a_failing_compiler_is_the_callers_matter(cache):
    def failed():
        raise ValueError("no")

    use = Use(cache)
    use._make = failed
    with pytest.raises(ValueError, match="no"):
        use.fetch()
    assert (use.told, cache.entries(), leftovers(cache)) == ([], [], [])


def spoilt_by_file(root):
    root.write_text("a file where the folder should be")


def spoilt_by_loop(root):
    root.symlink_to(root)


@pytest.mark.parametrize("spoil", [spoilt_by_file, spoilt_by_loop])
def test_without_a_place_to_write_it_still_works_and_says_so(tmp_path, spoil):
    spoil(tmp_path / "cache")
    use = Use(Cache(tmp_path / "cache"))
    assert use.fetch() is use.artifact
    assert any("was not kept in the cache" in text for text in use.told)
    for ask in (use.cache.entries, use.cache.clear, use.cache.trim, use.cache.verify):
        with pytest.raises(UsageError, match="ZIF_CACHE=FOLDER names an empty or a new folder"):
            ask()


AS_USER = """
import os, sys
sys.path[:0] = {path!r}
os.environ["ZIF_DATA"] = {data!r}
from pathlib import Path
from artifacts.plain import Use
from zif.artifacts.cache import Cache
import filelock, logging, secrets, tempfile  # while Python's own folder can still be read
filelock.FileLock({root!r} + "-not-taken")
os.setgid(65534); os.setuid(65534)
use = Use(Cache(Path({root!r})))
use.fetch()
print(use.made, use.told)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize("filled", [False, True])
def test_a_folder_that_may_not_be_written(filled):
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are for their owner only
        os.chown(place, 65534, 65534)
        root, data = Path(place) / "cache", f"{place}/data"
        if filled:
            assert run(AS_USER, root=str(root), data=data).startswith("1 []")
            subprocess.run(["chmod", "-R", "a-w", root], check=True)
        else:
            root.mkdir(mode=0o555)
            os.chown(root, 65534, 65534)
        out = run(AS_USER, root=str(root), data=data)
    assert out.startswith("0 []" if filled else "1 [")
    assert filled or "Permission denied" in out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "zif-test", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no mount: {mounted.stderr.decode()}")
    try:
        cache = Cache(disk / "cache", spare_s=0)
        Use(cache).fetch()
        use = Use(cache, **CHANGES["target"], artifact=artifact(big=b"b" * 500_000))
        assert contents(use.fetch()) == contents(use.artifact)
        assert "No space left on device. Free space, or name another folder in ZIF_CACHE" in use.told[0]
        assert leftovers(cache) == []
        again = Use(cache)
        again.fetch()
        assert (again.made, again.told) == (0, [])
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_write_that_fails_half_way(tmp_path):
    code = """
    import resource, signal, sys
    sys.path[:0] = {path!r}
    from pathlib import Path
    from artifacts.plain import Use, artifact, contents
    from zif.artifacts.cache import Cache
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    use = Use(Cache(Path({root!r})), artifact=artifact(big=b"b" * 3_000_000))
    assert contents(use.fetch()) == contents(use.artifact)
    print(use.made, use.told, list(use.cache.artifacts.iterdir()))
    """
    out = run(code, root=str(tmp_path))
    assert "File too large" in out
    assert out.strip().endswith("[]")


SLOW = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from artifacts.plain import Use
from zif.artifacts.cache import Cache
use = Use(Cache(Path({root!r})))
def make():
    use.made += 1
    with open({log!r}, "a") as log:
        log.write("made\\n")
    time.sleep({seconds})
    return use.artifact
use._make = make
use._note = lambda name, text: (use.told.append(text), Path({log!r} + ".told").write_text(text))
found = use.fetch()
assert found.files["model.bin"].read_bytes() == use.artifact.files["model.bin"]
print(use.made, use.told)
"""


def test_two_processes_at_once_make_it_once(tmp_path):
    log = tmp_path / "log"
    several = [start(SLOW, root=str(tmp_path / "c"), log=str(log), seconds=1.5) for _ in range(4)]
    outs = [process.communicate()[0] for process in several]
    assert all(process.returncode == 0 for process in several)
    assert log.read_text() == "made\n"
    assert sorted(out[0] for out in outs) == ["0", "0", "0", "1"]


def test_a_process_that_is_killed_while_compiling_blocks_nobody(tmp_path):
    log = tmp_path / "log"
    first = start(SLOW, root=str(tmp_path / "c"), log=str(log), seconds=3600)
    wait_for(log)
    second = start(SLOW, root=str(tmp_path / "c"), log=str(log), seconds=0)
    wait_for(tmp_path / "log.told")
    assert second.poll() is None
    first.kill()
    first.communicate()
    out, _ = second.communicate()
    assert out.startswith("1 [")
    assert "waiting for it" in out
    assert log.read_text() == "made\nmade\n"


def test_processes_that_cannot_lock_all_end_right(tmp_path):
    cannot = """
    import filelock
    def cannot(*args, **kwargs):
        raise NotImplementedError
    filelock.FileLock.acquire = cannot
    """
    code = textwrap.dedent(cannot) + SLOW
    several = [start(code, root=str(tmp_path / "c"), log=str(tmp_path / "log"), seconds=1) for _ in range(3)]
    outs = [process.communicate()[0] for process in several]
    assert [process.returncode for process in several] == [0, 0, 0]
    assert {out.strip() for out in outs} <= {"1 []", "0 []"}
    assert len(Cache(tmp_path / "c").entries()) == 1
    assert leftovers(Cache(tmp_path / "c")) == []


def wait_for(path):
    while not path.exists() or not path.read_text():
        time.sleep(0.01)


def start(code, **values):
    text = textwrap.dedent(code).format(path=sys.path, **values)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)


def run(code, **values):
    process = start(code, **values)
    out, _ = process.communicate()
    assert process.returncode == 0
    return out


def test_the_default_place(tmp_path, monkeypatch):
    from zif import UsageError
    from zif.artifacts.cache import default_cache, default_limit, default_root

    monkeypatch.setenv("ZIF_CACHE", str(tmp_path / "here"))
    assert default_cache().root == tmp_path / "here"
    monkeypatch.setenv("ZIF_CACHE", "off")
    assert default_cache() is None
    monkeypatch.delenv("ZIF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_root() is not None
    monkeypatch.setenv("ZIF_CACHE_LIMIT", "1.5G")
    assert default_limit() == 3 << 29
    monkeypatch.setenv("ZIF_CACHE_LIMIT", "much")
    with pytest.raises(UsageError, match="no size"):
        default_limit()


def test_a_user_without_a_home_has_no_cache_and_no_folder_named_tilde(tmp_path, monkeypatch):
    from zif.artifacts.cache import default_cache

    for name in ("ZIF_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user id without an entry in passwd
    assert default_cache() is None
