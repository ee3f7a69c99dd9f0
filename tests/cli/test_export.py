"""`zif export`: ways out that distributions bring, their options on the command line, and what lands on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import COMPILING, Site
from jsonschema import Draft202012Validator
from small import classifier
from zif import schemas

EXPORTER = """
from typing import Literal

import attrs
from zif.plugin import Export, Exported, Exporter


@attrs.frozen
class Options:
    embed: bool = attrs.field(default=False, metadata={"help": "Put everything into one file."})
    serial: str = attrs.field(default="", metadata={"help": "Which device."})
    max_size: int = attrs.field(default=1, metadata={"help": "At most so much."})
    form: Literal["a", "b"] = "a"


def write(job: Export, options: Options) -> Exported:
    parts = [job.compiled(one.id) for one in job.plan.segments]
    told = f"{job.name} {job.target} {options.embed} {options.serial} {options.max_size} {options.form}"
    with job.session() as session:
        runs = [sorted(session.run(sample())) for sample in job.samples]
    told += f" {runs} {job.model is not None} {len(parts)}"
    return Exported({job.output.name: told.encode(), "beside.bin": b"1"}, ("a sentence",), {"parts": len(parts)})


def write_folder(job: Export, options: Options) -> Exported:
    files = {"push.sh": b"#!/bin/sh\\n", "data/x.raw": b"12"}
    return Exported(files, programs=frozenset({"push.sh"}))


def write_model(job: Export, options: Options) -> Exported:
    assert job.bundle is None
    return Exported({job.output.name: "".join(one.op_type for one in job.model.units).encode()})


def broken(job: Export, options: Options) -> Exported:
    raise KeyError("gone")


one = Exporter("One file for tests.", write, Options)
folder = Exporter("A folder for tests.", write_folder, Options, folder=True)
model = Exporter("Nothing that is built.", write_model, needs="model")
faulty = Exporter("It fails.", broken)
nothing = 5
"""
POINTS = "[zif.exporters]\n" + "".join(
    f"{word} = out_of:{word}\n" for word in ("one", "folder", "model", "faulty", "nothing")
)


@pytest.fixture
def room(tmp_path: Path) -> tuple[Site, Path]:
    site = Site(tmp_path / "site")
    site.add("good", COMPILING)
    site.add("out-of", EXPORTER, distribution="out-of")
    (site.folder / "out_of-1.0.dist-info" / "entry_points.txt").write_text(POINTS)
    classifier(tmp_path / "net.onnx")
    return site, tmp_path


def test_the_ways_out_are_listed_with_their_options(room: tuple[Site, Path]) -> None:
    site, folder = room
    (site.folder / "out_of-1.0.dist-info" / "entry_points.txt").write_text("[zif.exporters]\none = out_of:one\n")
    document = json.loads(site.zif("export", "--list", "--json", cwd=folder).out)
    (row,) = document["exporters"]
    assert (row["for"], row["output"], row["needs"]) == ("one", "file", "bundle")
    assert [option["name"] for option in row["options"]] == ["embed", "serial", "max_size", "form"]
    assert "--max-size VALUE" in site.zif("export", "--help").out
    assert "One file for tests." in site.zif("export", "--list").out


def test_an_exporters_options_stand_anywhere_and_are_typed(room: tuple[Site, Path]) -> None:
    site, folder = room
    words = ("--embed", "--serial", "X1", "net.onnx", "--max-size=7", "--for", "one", "-o", "out/net.one")
    done = site.zif("export", *words, "--form", "b", "--random", "0", "--json", cwd=folder)
    assert done.code == 0, done.err
    document = json.loads(done.out)
    Draft202012Validator(schemas.schema("export")).validate(document)
    assert document["facts"] == {"parts": 1}
    assert set(document["files"]) == {"net.one", "beside.bin"}
    assert (folder / "out/net.one").read_text() == "net host True X1 7 b [['y']] True 1"
    wrong = site.zif("export", "net.onnx", "--for", "one", "-o", "o", "--max-size", "many", cwd=folder)
    assert wrong.code == 2
    assert "option max_size takes a whole number" in wrong.err
    twice = site.zif("export", "net.onnx", "--for", "one", "-o", "o", "--serial", "1", "--serial=2", cwd=folder)
    assert (twice.code, "given twice" in twice.err) == (2, True)
    bare = site.zif("export", "net.onnx", "--for", "one", "-o", "o", "--serial", cwd=folder)
    assert (bare.code, "takes a value" in bare.err) == (2, True)


def test_a_bundle_is_exported_as_it_was_built(room: tuple[Site, Path]) -> None:
    site, folder = room
    assert site.zif("compile", "net.onnx", "-o", "b", cwd=folder).code == 0
    done = site.zif("export", "b", "--for", "one", "-o", "net.one", "--no-embed", cwd=folder)
    assert done.code == 0, done.err
    assert (folder / "net.one").read_text() == "net host False  1 a [] False 1"
    refused = site.zif("export", "b", "--for", "one", "-o", "n2", "--only", "good", cwd=folder)
    assert (refused.code, "planned and built already" in refused.err) == (2, True)
    needs = site.zif("export", "b", "--for", "model", "-o", "n3", cwd=folder)
    assert (needs.code, "holds no model" in needs.err) == (2, True)


def test_nothing_that_is_there_is_lost(room: tuple[Site, Path]) -> None:
    site, folder = room
    model = (folder / "net.onnx").read_bytes()
    (folder / "beside.bin").write_text("mine")
    own = site.zif("export", "net.onnx", "--for", "one", "-o", "net.onnx", "--overwrite", cwd=folder)
    assert (own.code, "which is exported" in own.err) == (2, True)
    beside = site.zif("export", "net.onnx", "--for", "one", "-o", "net.one", cwd=folder)
    assert (beside.code, "beside.bin would be replaced" in beside.err) == (2, True)
    assert ((folder / "net.onnx").read_bytes(), (folder / "beside.bin").read_text()) == (model, "mine")
    assert not (folder / "net.one").exists()
    assert site.zif("export", "net.onnx", "--for", "one", "-o", "net.one", "--overwrite", cwd=folder).code == 0
    assert (folder / "beside.bin").read_text() == "1"


def test_what_needs_the_model_alone_compiles_nothing(room: tuple[Site, Path]) -> None:
    site, folder = room
    done = site.zif("export", "net.onnx", "--for", "model", "-o", "m.txt", "--json", cwd=folder)
    assert done.code == 0, done.err
    assert (folder / "m.txt").read_text()
    assert not (site.folder / "cache").exists() or not list((site.folder / "cache").rglob("*.npy"))


def test_a_folder_is_replaced_when_it_is_as_it_was_exported(room: tuple[Site, Path]) -> None:
    site, folder = room
    words = ("export", "net.onnx", "--for", "folder", "-o", "out")
    assert site.zif(*words, cwd=folder).code == 0
    assert (folder / "out/push.sh").stat().st_mode & 0o100
    assert not (folder / "out/data/x.raw").stat().st_mode & 0o100
    again = site.zif(*words, cwd=folder)
    assert (again.code, "--overwrite" in again.err) == (2, True)
    assert site.zif(*words, "--overwrite", cwd=folder).code == 0
    (folder / "out/data/mine.txt").write_text("dear to me")
    kept = site.zif(*words, "--overwrite", cwd=folder)
    assert (kept.code, "data/mine.txt" in kept.err) == (2, True)
    (folder / "out/data/mine.txt").unlink()
    (folder / "out/push.sh").write_text("changed")
    assert site.zif(*words, "--overwrite", cwd=folder).code == 2
    assert (folder / "out/push.sh").read_text() == "changed"
    (folder / "own").mkdir()
    (folder / "own/file").write_text("1")
    own = site.zif("export", "net.onnx", "--for", "folder", "-o", "own", "--overwrite", cwd=folder)
    assert (own.code, "no folder that was exported" in own.err) == (2, True)


def test_what_is_wrong_with_an_exporter_names_it(room: tuple[Site, Path]) -> None:
    site, folder = room
    unknown = site.zif("export", "net.onnx", "--for", "ones", "-o", "o", cwd=folder)
    assert (unknown.code, "Did you mean 'one'?" in unknown.err) == (2, True)
    faulty = site.zif("export", "net.onnx", "--for", "faulty", "-o", "o", cwd=folder)
    assert faulty.code == 3
    assert "the exporter for faulty" in faulty.err
    assert "gone" in faulty.err
    nothing = site.zif("export", "net.onnx", "--for", "nothing", "-o", "o", cwd=folder)
    assert (nothing.code, "not a zif.plugin.Exporter" in nothing.err) == (3, True)
    assert not (folder / "o").exists()
    told = site.zif("export", "--help", cwd=folder)
    assert told.code == 0
    assert "--max-size VALUE" in told.out
    missing = site.zif("export", "net.onnx", "-o", "o", cwd=folder)
    assert (missing.code, "--for WORD" in missing.err) == (2, True)
