"""What verification found wrong is known to the next plan, can be given to the plugin's author, and forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from broken import BREAKING, JUDGE, save
from fakes import GOOD, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.add("npu", GOOD + BREAKING, BROKEN="node.op_type == 'Neg'", COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    return site


def placed(site: Site, path: Path) -> dict[str, str]:
    return {unit["name"]: unit["backend"] for unit in site.zif("plan", path, "--json").json["units"]}


def test_the_next_plan_knows_without_running(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    assert set(placed(site, path).values()) == {"npu"}
    assert site.zif("compile", path, "-o", tmp_path / "b.zif").code == 0
    assert {name for name, backend in placed(site, path).items() if backend == "judge"} == {"n"}
    told = site.zif("plan", path, "--explain", "n", "--json").json
    text = json.dumps(told)
    assert "verified-wrong" in text
    assert "found on 20" in text
    again = site.zif("compile", path, "-o", tmp_path / "c.zif", "--json").json["targets"][0]
    assert [event for event in again["events"] if event["kind"] == "verified-wrong"] == []
    assert again["verification"]["verified"] is True


def test_lessons_are_for_the_plugins_author(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    assert site.zif("verdicts", "--export").json["lessons"] == []
    site.zif("compile", path, "-o", tmp_path / "b.zif")
    document = site.zif("verdicts", "--export").json
    assert document["schema"] == "zif.learned/1"
    (lesson,) = document["lessons"]
    assert (lesson["backend"], lesson["unit"], lesson["op_type"], lesson["window"]) == ("npu", "n", "Neg", ["n"])
    assert "T=float" in lesson["facts"]
    assert " dB of the judge's" in lesson["reason"]
    assert site.zif("verdicts", path, "--export").json["lessons"] == [lesson]


def test_what_is_forgotten_is_asked_again(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.zif("compile", path, "-o", tmp_path / "b.zif")
    assert site.zif("verdicts", path, "--forget", "--json").json["lessons"] == 1
    assert site.zif("verdicts", "--forget").out.startswith("0 lessons of all models")
    assert set(placed(site, path).values()) == {"npu"}


def test_another_version_of_the_engine_is_asked_anew(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.zif("compile", path, "-o", tmp_path / "b.zif")
    plugin = site.folder / "fake_npu.py"
    plugin.write_text(plugin.read_text().replace('"fake 1.0"', '"fake 2.0.0"'))
    assert set(placed(site, path).values()) == {"npu"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"schema": "zif.learned/2"}', b'{"schema": "zif.learned/1", "lessons": 3}']
)
def test_a_file_that_cannot_be_read_is_found_anew(site: Site, tmp_path: Path, content: bytes) -> None:
    path = save(tmp_path / "m.onnx")
    site.zif("compile", path, "-o", tmp_path / "b.zif")
    (kept,) = (site.folder / "home" / "data" / "zif" / "learned").iterdir()
    kept.write_bytes(content)
    assert set(placed(site, path).values()) == {"npu"}
    made = site.zif("compile", path, "-o", tmp_path / "c.zif", "--json").json["targets"][0]
    assert [event["kind"] for event in made["events"]] == ["verified-wrong"]
    assert {name for name, backend in placed(site, path).items() if backend == "judge"} == {"n"}


def test_verdicts_of_no_model_is_the_callers_mistake(site: Site) -> None:
    told = site.zif("verdicts")
    assert told.code == 2
    assert "which model?" in told.err
