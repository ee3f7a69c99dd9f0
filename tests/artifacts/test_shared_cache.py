"""A cache that machines share: what is whole and believed comes from it, whatever happens to it or is done to it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import COMPILING, Site
from small import classifier
from wire import Wire, served
from zif import UsageError
from zif.artifacts.cache import Cache, Key
from zif.artifacts.cache.shared import Tier, Trust, lease, shared_tier
from zif.artifacts.cache.shared.objects import Objects
from zif.artifacts.cache.shared.pending_uploads import Unsent
from zif.records import Compiled

pytestmark = pytest.mark.needs("s3fs", "moto")

BIG = os.urandom(3 << 20)
KEY = Key("model", "acme", "1.0", "acme 1", "chip", {})
SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with served("ours") as made:
        yield made


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wire: Wire) -> None:
    wire.mend()
    (tmp_path / "key").write_bytes(SECRET)
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("ZIF_CACHE_KEY", str(tmp_path / "key"))
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(lease, "LOOK_S", 0.05)


@pytest.fixture(params=["s3", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    name = f"{tmp_path.parent.name}-{tmp_path.name}"
    return {"s3": f"s3://ours/{name}", "file": f"file://{tmp_path}/store", "memory": f"memory://{name}"}[request.param]


@pytest.fixture
def s3(tmp_path: Path) -> str:
    return f"s3://ours/{tmp_path.parent.name}-{tmp_path.name}"


class Machine:
    """A cache of its own before a shared one, and how often it had to compile."""

    def __init__(self, folder: Path, url: str, trust: Trust | None = None) -> None:
        tier = shared_tier(url)
        self.tier = Tier(tier.objects, trust or tier.trust)
        self.cache = Cache(folder, shared=self.tier)
        self.made = 0
        self.told: list[str] = []

    def get(self, key: Key = KEY, seconds: float = 0.0) -> bytes:
        """The big file of the artifact, from wherever it comes."""

        def make() -> Compiled:
            self.made += 1
            time.sleep(seconds)
            return Compiled("fake", {"big.bin": BIG, "more/small.txt": b"small"}, "big.bin", (), ())

        content = self.cache.kept(key, "net-00", {}, make, self.told.append).files["big.bin"]
        return content if isinstance(content, bytes) else content.read_bytes()


def test_what_one_machine_made_another_gets(tmp_path: Path, url: str) -> None:
    one, two = Machine(tmp_path / "one", url), Machine(tmp_path / "two", url)
    assert one.get() == two.get() == BIG
    assert (one.made, two.made, one.told, two.told) == (1, 0, [], [])
    assert two.get() == BIG  # from its own cache
    assert one.tier.verify() == {}
    assert [entry.name for entry in two.tier.entries()] == [KEY.hash]
    assert one.tier.objects.names("leases") == []
    assert two.cache.verify() == {}


def test_equal_content_lies_there_once(tmp_path: Path, url: str) -> None:
    one = Machine(tmp_path / "one", url)
    one.get()
    one.get(Key("other", "acme", "1.0", "acme 1", "chip", {}))
    assert len(one.tier.objects.names("blobs")) == 2
    one.tier.remove(KEY.hash)
    assert len(one.tier.objects.names("blobs")) == 2, "another entry has them"
    assert one.tier.clear() == 1
    assert [name for folder in ("blobs", "entries", "leases") for name in one.tier.objects.names(folder)] == []


def test_what_a_stranger_signed_is_not_believed_and_is_replaced(tmp_path: Path, url: str) -> None:
    stranger = Machine(tmp_path / "stranger", url, Trust(b"another key of sixteen bytes"))
    stranger.get()
    one, two = Machine(tmp_path / "one", url), Machine(tmp_path / "two", url)
    assert one.get() == BIG
    assert one.made == 1
    assert "is not used: it is not signed with the key of ZIF_CACHE_KEY" in one.told[0]
    assert (two.get(), two.made) == (BIG, 0), "the right one took its place"


def test_without_a_key_the_writers_are_trusted(tmp_path: Path, url: str) -> None:
    Machine(tmp_path / "stranger", url, Trust(b"another key of sixteen bytes")).get()
    trusting = Machine(tmp_path / "one", url, Trust())
    assert (trusting.get(), trusting.made) == (BIG, 0)


@pytest.mark.parametrize("harm", ["changed", "shorter", "gone", "another's"])
def test_a_file_that_is_not_what_was_signed_is_never_used(tmp_path: Path, url: str, harm: str) -> None:
    one = Machine(tmp_path / "one", url)
    one.get()
    objects = one.tier.objects
    blob = max(objects.names("blobs"), key=lambda name: objects.size(name) or 0)
    if harm == "another's":
        entry = next(name for name in objects.names("entries"))
        objects.write(entry.replace(KEY.hash, "0" * 64), objects.read(entry, 1 << 20) or b"")
        with pytest.raises(Exception, match="not signed"):
            one.tier.entry("0" * 64)
        return
    {
        "changed": lambda: objects.write(blob, b"x" + BIG[1:]),
        "shorter": lambda: objects.write(blob, BIG[:-1]),
        "gone": lambda: objects.remove(blob),
    }[harm]()
    two = Machine(tmp_path / "two", url)
    assert two.get() == BIG
    assert two.made == 1
    assert f"is not used: {blob}" in two.told[0]
    assert list((tmp_path / "two" / "artifacts").iterdir()) == [tmp_path / "two" / "artifacts" / KEY.hash]
    if harm != "changed":
        assert one.tier.verify() == {}, "who made it anew has put it there, too"


@pytest.mark.parametrize("after", [0, pytest.param(40_000, marks=pytest.mark.slow), 2_000_000])
def test_a_connection_that_breaks_on_the_way_up_loses_nothing(tmp_path: Path, s3: str, wire: Wire, after: int) -> None:
    one = Machine(tmp_path / "one", s3)
    wire.cut("up", after)
    assert one.get() == BIG
    assert one.made == 1
    assert len(one.told) == 1
    assert f"{s3} cannot be reached" in one.told[0]
    wire.mend()
    again = Machine(tmp_path / "one", s3)
    assert again.tier.names() == [], "the index is put last"
    assert (again.get(), again.made) == (BIG, 0)
    assert again.tier.verify() == {}
    assert again.tier.names() == [KEY.hash], "what was not sent was sent now"
    assert Unsent(again.tier, again.cache.root).names() == []
    two = Machine(tmp_path / "two", s3)
    assert (two.get(), two.made) == (BIG, 0)


@pytest.mark.parametrize("after", [0, pytest.param(3_000, marks=pytest.mark.slow), 2_000_000])
def test_a_connection_that_breaks_on_the_way_down_leaves_nothing_half(
    tmp_path: Path, s3: str, wire: Wire, after: int
) -> None:
    Machine(tmp_path / "one", s3).get()
    two = Machine(tmp_path / "two", s3)
    wire.cut("down", after)
    assert two.get() == BIG
    assert two.made == 1
    assert "cannot be reached" in two.told[0]
    assert [path.name for path in (tmp_path / "two" / "artifacts").iterdir()] == [KEY.hash]
    assert two.cache.verify() == {}
    wire.mend()
    assert Machine(tmp_path / "three", s3).tier.verify() == {}


def test_machines_that_want_the_same_at_once_make_it_once(tmp_path: Path, url: str) -> None:
    if url.startswith("memory"):
        pytest.skip("fsspec's memory is one cursor for all readers: a store for one thread")
    machines = [Machine(tmp_path / str(number), url) for number in range(3)]
    threads = [threading.Thread(target=one.get, kwargs={"seconds": 1.0}) for one in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.made for one in machines) == 1
    assert sum(text.startswith("another machine compiles") for one in machines for text in one.told) == 2


def test_a_machine_that_died_is_not_waited_for(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PATIENCE_S", 0.5)
    one = Machine(tmp_path / "one", url)
    assert one.tier.objects.create(f"leases/{KEY.hash}", b"a machine that is gone\n")
    assert not one.tier.objects.create(f"leases/{KEY.hash}", b"another\n")
    assert (one.get(), one.made) == (BIG, 1)
    assert one.tier.names() == [KEY.hash]


def test_a_file_is_never_seen_half_written_on_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Machine(tmp_path / "one", f"file://{tmp_path}/store")
    objects: Objects = one.tier.objects
    put = type(objects.fs).put_file

    def half(self: Any, local: str, remote: str, **more: Any) -> None:
        Path(self._strip_protocol(remote)).write_bytes(Path(local).read_bytes()[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(objects.fs), "put_file", half)
    assert one.get() == BIG
    assert "No space left on device" in one.told[0]
    left = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert left == []
    monkeypatch.setattr(type(objects.fs), "put_file", put)
    assert Machine(tmp_path / "one", f"file://{tmp_path}/store").get() == BIG
    assert one.tier.verify() == {}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ZIF_CACHE_KEY": ""}, "`zif cache key FILE` makes one"),
        ({"ZIF_CACHE_KEY": "", "ZIF_CACHE_TRUST": "all"}, "must be 'writers'"),
        ({"ZIF_CACHE_KEY": "short"}, "a key at least 16"),
        ({"ZIF_CACHE_KEY": "open"}, "others can read"),
        ({"ZIF_CACHE": "nosuch://x/y"}, "nosuch"),
    ],
)
def test_who_is_to_be_believed_has_to_be_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, mode in (("short", 0o600), ("open", 0o644)):
        (tmp_path / name).write_bytes(SECRET[: 8 if name == "short" else 32])
        (tmp_path / name).chmod(mode)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said):
        shared_tier(environment.get("ZIF_CACHE", f"memory://{tmp_path.name}"))


def test_the_command_line_shares_across_machines(tmp_path: Path, s3: str) -> None:
    site = Site(tmp_path / "site")
    site.add("good", COMPILING)
    classifier(tmp_path / "net.onnx")
    settings = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    settings |= {"ZIF_CACHE": s3, "ZIF_CACHE_KEY": str(tmp_path / "team.key")}

    def zif(machine: str, *words: str) -> Any:
        return site.zif(*words, cwd=tmp_path, ZIF_CACHE_LOCAL=str(tmp_path / machine), **settings)

    unkeyed = zif("one", "cache", "ls")
    assert (unkeyed.code, unkeyed.err.count("\n")) == (2, 1)
    assert zif("one", "cache", "key", "team.key").code == 0
    assert zif("one", "cache", "key", "team.key").code == 2, "a key is not overwritten"
    first, second = (zif(name, "compile", "net.onnx", "-o", f"{name}.zif") for name in ("one", "two"))
    assert (first.code, second.code) == (0, 0), second.err
    assert "compiling" in first.err + first.out
    assert "compiling" not in second.err + second.out
    listed = zif("two", "cache", "ls", "--shared", "--json").json
    assert [row["backend"] for row in listed["artifacts"]] == ["good"]
    assert (listed["root"], listed["unbelieved"]) == (s3, 0)
    assert zif("two", "cache", "verify", "--shared", "--json").json["whole"] == 1
    assert zif("two", "cache", "clear", "--shared").code == 0
    assert zif("two", "cache", "ls", "--shared", "--json").json["artifacts"] == []
    assert zif("two", "cache", "push", "--json").json["sent"] == 1
    assert "1 artifacts" in zif("one", "cache", "ls", "--shared").out


def test_a_store_that_is_gone_is_a_note_and_no_error(tmp_path: Path, s3: str, wire: Wire) -> None:
    site = Site(tmp_path / "site")
    site.add("good", COMPILING)
    classifier(tmp_path / "net.onnx")
    settings = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    settings |= {"ZIF_CACHE": s3, "ZIF_CACHE_KEY": str(tmp_path / "key"), "ZIF_CACHE_LOCAL": str(tmp_path / "one")}
    wire.down = True
    done = site.zif("compile", "net.onnx", "-o", "net.zif", "--json", cwd=tmp_path, **settings)
    assert done.code == 0, done.err
    events = json.dumps(done.json["targets"][0]["events"])
    assert events.count("cannot be reached") == 1
    gone = site.zif("cache", "ls", "--shared", cwd=tmp_path, **settings)
    assert (gone.code, gone.err.count("\n")) == (1, 1), gone.err


def test_what_is_not_named_as_zif_names_things_stays(tmp_path: Path) -> None:
    """`entries` and `blobs` may as well be folders of the user's own."""
    url = f"file://{tmp_path}/store"
    Machine(tmp_path / "one", url).get()
    own = [tmp_path / "store" / name for name in ("entries/thesis.json", "blobs/ab/photo", "leases/flat.pdf", "x/y")]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"the user's")
    tier = shared_tier(url)
    assert tier.clear() == 1
    assert [path.read_bytes() for path in own] == [b"the user's"] * 4
    assert not [one for one in (tmp_path / "store").rglob("*") if one.is_file() and one not in own]


@pytest.mark.parametrize("url", ["file://", "s3://"])
def test_a_url_without_a_place_is_refused(url: str) -> None:
    """fsspec takes the working folder for it."""
    with pytest.raises(UsageError, match="names no place"):
        shared_tier(url)


@pytest.mark.parametrize("strange", ["../../photo", "A" * 64, "", "ab"])
def test_a_hash_that_leads_elsewhere_is_none(tmp_path: Path, strange: str) -> None:
    url = f"file://{tmp_path}/store"
    Machine(tmp_path / "one", url).get()
    (tmp_path / "photo").write_bytes(b"the user's")
    tier = shared_tier(url)
    (name,) = tier.names()
    path = tmp_path / "store" / "entries" / f"{name}.json"
    document = json.loads(path.read_text())
    first = next(iter(document["index"]["files"]))
    document["index"]["files"][first]["sha256"] = strange
    path.write_bytes(tier._signed(name, document["index"]))
    assert name in tier.verify()
    tier.remove(name)
    assert (tmp_path / "photo").read_bytes() == b"the user's"
    assert not path.exists()
