"""Entry points read from the folders of the path: those that importlib_metadata finds, whatever the path holds."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import importlib_metadata
import pytest
from fakes import metadata
from zif.files import entrypoints


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """Nothing is remembered from before, nor afterwards."""
    for function in (entrypoints.points, entrypoints._every):
        function.cache_clear()
    yield
    for function in (entrypoints.points, entrypoints._every):
        function.cache_clear()


def bring(folder: Path, distribution: str, version: str, points: str) -> None:
    folder.mkdir(exist_ok=True)
    (metadata(folder, distribution, version) / "entry_points.txt").write_text(points)


def found() -> set[tuple[str, str, str]]:
    return {(one.group, one.name, one.value) for one in entrypoints._every()}


def expected() -> set[tuple[str, str, str]]:
    return {(one.group, one.name, one.value) for one in importlib_metadata.entry_points()}


def test_they_are_those_of_importlib_metadata() -> None:
    assert entrypoints._folders_only()
    assert found() == expected()
    assert len(found()) > 10


def test_of_two_versions_on_the_path_the_first_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(tmp_path / "one", "acme.Tools", "2.0", "# ours\n[zif.commands]\ngreet = new:command\n\n[ other ]\n")
    bring(tmp_path / "two", "acme-tools", "1.0", "[zif.commands]\ngreet = old:command\n")
    (tmp_path / "two" / "plain.egg-info").mkdir()
    (tmp_path / "two" / "plain.egg-info" / "entry_points.txt").write_text("[zif.commands]\nwave = plain:app [more]\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "gone"), str(tmp_path / "one"), str(tmp_path / "two")])
    assert (
        found()
        == expected()
        == {("zif.commands", "greet", "new:command"), ("zif.commands", "wave", "plain:app [more]")}
    )
    (greet,) = (one for one in entrypoints.points("zif.commands") if one.name == "greet")
    assert greet.owner == "acme.Tools 2.0"


def test_an_archive_on_the_path_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "acme.zip", "w") as archive:
        archive.writestr("acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        archive.writestr("acme-1.0.dist-info/entry_points.txt", "[zif.commands]\ngreet = acme:command\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "acme.zip")])
    assert found() == expected()
    assert ("zif.commands", "greet", "acme:command") in found()


def test_who_finds_distributions_in_a_way_of_their_own_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bring(tmp_path / "hidden", "acme", "1.0", "[zif.commands]\ngreet = acme:command\n")

    class Finder:
        @staticmethod
        def find_spec(*_: object) -> None:
            return None

        @staticmethod
        def find_distributions(context: object) -> Iterator[importlib_metadata.Distribution]:  # noqa: ARG004
            yield importlib_metadata.Distribution.at(tmp_path / "hidden" / "acme-1.0.dist-info")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert ("zif.commands", "greet", "acme:command") in found()


def test_an_entry_point_loads_what_it_names() -> None:
    assert entrypoints.Point("g", "n", "os.path:join", "").load() is __import__("os").path.join
    assert entrypoints.Point("g", "n", "os : path.join [extra]", "").load() is __import__("os").path.join
    assert entrypoints.Point("g", "n", "os", "").load() is __import__("os")
    assert entrypoints.Point("g", "n", "os", "").owner == "?"
