"""`zif cache`: what is there, why something is not, and what was damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import COMPILING, Site
from small import classifier


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def used(site: Site, model: Path) -> Site:
    """A cache with one artifact."""
    site.add("maker", COMPILING)
    assert site.zif("run", model, "--random", "0").code == 0
    return site


def test_an_artifact_is_made_once_and_listed(used: Site, model: Path) -> None:
    again = used.zif("run", model, "--random", "0")
    assert "compiling" not in again.out + again.err
    document = used.zif("cache", "ls", "--json").json
    assert document["schema"] == "zif.cache/1"
    (artifact,) = document["artifacts"]
    assert (artifact["backend"], artifact["target"], artifact["toolchain"]) == ("maker", "host", "fake 1.0")
    assert document["bytes"] == artifact["bytes"] > 0
    text = used.zif("cache", "list").out
    assert artifact["name"][:12] in text
    assert "1 artifacts" in text
    shown = used.zif("cache", "show", artifact["name"][:8])
    assert artifact["name"] in shown.out


def test_no_cache_keeps_nothing(site: Site, model: Path) -> None:
    site.add("maker", COMPILING)
    assert "compiling net" in site.zif("run", model, "--random", "0", "--no-cache").out
    assert site.zif("cache", "ls", "--json").json["artifacts"] == []


def test_why_says_hit_or_what_differs(used: Site, model: Path) -> None:
    (row,) = used.zif("cache", "why", model, "--json").json["segments"]
    assert (row["backend"], row["state"]) == ("maker", "hit")
    (row,) = used.zif("cache", "why", model, "--json", "--target", "sm8650").json["segments"]
    assert (row["state"], row["part"]) == ("miss", "target")
    used.add("plain")
    rows = used.zif("cache", "why", model, "--pin", "relu=plain").out
    assert "segment 0 on maker (1 units): miss" in rows
    assert "segment 1 on plain (1 units): not kept" in rows


def test_clear_removes_one_or_all(used: Site, model: Path) -> None:
    used.zif("run", model, "--random", "0", "--target", "sm8650")
    first, _ = used.zif("cache", "ls", "--json").json["artifacts"]
    assert used.zif("cache", "clear", first["name"], "--json").json["removed"] == 1
    assert used.zif("cache", "clear", "--json").json["removed"] == 1
    assert used.zif("cache", "ls", "--json").json["artifacts"] == []


def test_verify_finds_and_removes_what_is_damaged(used: Site) -> None:
    assert used.zif("cache", "verify").code == 0
    (artifact,) = used.zif("cache", "ls", "--json").json["artifacts"]
    (damaged,) = Path(artifact["folder"]).rglob("notes.txt")
    damaged.write_bytes(b"made by a bug!")
    result = used.zif("cache", "verify", "--json")
    assert result.code == 1
    assert list(result.json["damaged"]) == [artifact["name"]]
    assert used.zif("cache", "verify").code == 0


def test_why_says_damaged_where_a_run_finds_it_so(used: Site, model: Path) -> None:
    (artifact,) = used.zif("cache", "ls", "--json").json["artifacts"]
    (damaged,) = Path(artifact["folder"]).rglob("notes.txt")
    damaged.write_bytes(b"made by a bug!")
    (row,) = used.zif("cache", "why", model, "--json").json["segments"]
    assert row["state"] == "damaged"
    assert "notes.txt" in row["reason"]
    (event,) = used.zif("run", model, "--random", "0", "--json").json["events"]
    assert "notes.txt" in event["text"]


@pytest.mark.parametrize("command", ["ls", "clear", "verify"])
def test_a_folder_that_is_not_zifs_is_a_sentence_and_stays_as_it_is(used: Site, tmp_path: Path, command: str) -> None:
    mine = tmp_path / "mine"
    (mine / "artifacts").mkdir(parents=True)
    (mine / "artifacts" / "notes.txt").write_text("the user's")
    result = used.zif("cache", command, ZIF_CACHE=str(mine))
    assert (result.code, result.out) == (2, "")
    assert f"{mine} is no folder that zif made: it holds 'artifacts/notes.txt'" in result.err
    assert [path.name for path in mine.rglob("*")] == ["artifacts", "notes.txt"]


def test_a_run_says_once_that_the_cache_is_not_zifs(site: Site, model: Path, tmp_path: Path) -> None:
    site.add("maker", COMPILING)
    site.add("other", COMPILING, distribution="fake-other")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("the user's")
    result = site.zif("run", model, "--random", "0", "--json", "--pin", "relu=other", ZIF_CACHE=str(tmp_path / "mine"))
    assert result.code == 0
    told = [event["backend"] for event in result.json["events"] if "is no folder that zif made" in event["text"]]
    assert sorted(told) == ["maker", "other"]


def test_what_lies_among_the_artifacts_is_told_and_stays(used: Site) -> None:
    (artifact,) = used.zif("cache", "ls", "--json").json["artifacts"]
    mine = Path(artifact["folder"]).parent / "release"
    mine.mkdir()
    assert "release was not made by zif and is left alone" in used.zif("cache", "clear").err
    assert used.zif("cache", "verify", "--json").json["strangers"] == ["release"]
    assert mine.is_dir()


def test_wrong_names_and_no_cache_at_all(used: Site) -> None:
    result = used.zif("cache", "show", "nothing")
    assert (result.code, result.out) == (2, "")
    assert "zif cache ls" in result.err
    assert "ZIF_CACHE" in used.zif("cache", "ls", ZIF_CACHE="off").err


def test_alone_it_shows_its_commands(site: Site) -> None:
    result = site.zif("cache")
    assert result.code == 2
    assert "why" in result.err
    assert "zif: error" not in result.err
