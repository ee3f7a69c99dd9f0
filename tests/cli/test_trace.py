"""`zif run --trace`: a timeline beside the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import Site
from schemas.test_schemas import check
from small import classifier


@pytest.fixture
def model(site: Site, tmp_path: Path) -> Path:
    site.add("good")
    return classifier(tmp_path / "net.onnx")


def test_it_is_written_and_named(site: Site, model: Path, tmp_path: Path) -> None:
    done = site.zif("run", model, "--random", "0", "--no-cache", "--trace", tmp_path / "t.json", "--json")
    assert done.code == 0, done.err
    check(done.json)
    assert done.json["trace"] == str(tmp_path / "t.json")
    names = {event["name"] for event in json.loads((tmp_path / "t.json").read_text())["traceEvents"]}
    assert {"probe good", "compile good", "load good", "segment 0"} <= names


def test_a_run_without_has_none(site: Site, model: Path) -> None:
    assert site.zif("run", model, "--random", "0", "--json").json["trace"] is None


@pytest.mark.parametrize("name", ["t.txt", "net.onnx"])
def test_what_it_cannot_be_is_refused_before_anything_runs(site: Site, model: Path, tmp_path: Path, name: str) -> None:
    done = site.zif("run", model, "--random", "0", "--trace", tmp_path / name)
    assert (done.code, done.out) == (2, "")
    assert ".pftrace" in done.err
