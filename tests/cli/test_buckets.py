"""Several sizes of one model on the command line: `zif plan`, `run`, `compile`, and the bundle that has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from fakes import Site
from onnx import parser
from schemas.test_schemas import check

JUDGING = """

_capabilities = capabilities

@hookimpl
def capabilities(target, model):
    import attrs
    return attrs.evolve(_capabilities(target, model), exact={})
"""


@pytest.fixture
def cpu(site: Site) -> Site:
    from fakes import GOOD

    site.add("cpu", GOOD + JUDGING)
    return site


def save(path: Path, body: str) -> Path:
    head = '<ir_version: 8, opset_import: ["" : 17]> g (float[N, 4, length] x) => (float[N, 4, length] y)'
    onnx.save(parser.parse_model(f"{head} {{ {body} }}"), path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save(tmp_path / "net.onnx", "y = Relu(x)")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for number, size in enumerate((3, 4, 4, 9, 12)):
        np.save(folder / f"{number}.npy", np.full((1, 4, size), number, np.float32))
    return folder


def test_a_plan_has_a_row_for_each(cpu: Site, model: Path, data: Path) -> None:
    done = cpu.zif("plan", model, "--shape", "x=1,4,{8,16}")
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert [line.split()[0] for line in lines if line.startswith("x[2]=")] == ["x[2]=8", "x[2]=16"]
    assert any(line.startswith("any other size 1 cpu") for line in lines)
    fitted = cpu.zif("plan", model, "--buckets", "2", "--from", data, "--json")
    assert fitted.code == 0, fitted.err
    check(fitted.json)
    assert [(row["label"], row["samples"]) for row in fitted.json["buckets"]] == [("length=4", 3), ("length=12", 2)]
    assert [row["padding"] for row in fitted.json["buckets"]] == [round(1 / 12, 4), round(3 / 24, 4)]
    for row in fitted.json["buckets"]:
        check(row["plan"])
    check(fitted.json["rest"])


def test_a_plan_is_of_what_is_built_once_padding_was_tried(cpu: Site, tmp_path: Path) -> None:
    model = save(tmp_path / "net.onnx", "y = Softmax <axis = 2> (x)")
    size, sample = ("--shape", "length={8,16}"), tmp_path / "x.npy"
    before = cpu.zif("plan", model, *size)
    assert "priced without masks" in " ".join(before.out.split()), before.err
    np.save(sample, np.ones((1, 4, 5), np.float32))
    ran = cpu.zif("run", model, *size, "-i", f"x={sample}", "--json")
    assert ran.code == 0, ran.err
    after = cpu.zif("plan", model, *size)
    assert "priced as they are built: length=8 with 2 masks, length=16 with 2 masks" in " ".join(after.out.split())
    document = cpu.zif("plan", model, *size, "--json").json
    check(document)
    assert [row["masks"] for row in document["buckets"]] == [2, 2]
    assert all(len(row["plan"]["units"]) > 1 for row in document["buckets"])


def test_a_run_says_where_it_went(cpu: Site, model: Path, data: Path) -> None:
    for file, label in (("0.npy", "length=8"), ("4.npy", "length=16")):
        done = cpu.zif("run", model, "--shape", "length=1..16:2", "-i", f"x={data / file}", "--no-cache", "--json")
        assert done.code == 0, done.err
        check(done.json)
        (result,) = done.json["results"]
        assert result["bucket"] == {"label": label, "padding": "zero", "why": ""}
        assert result["outputs"]["y"]["shape"] == list(np.load(data / file).shape)
    exact = cpu.zif("run", model, "--shape", "x=1,4,{8,16}", "--random", "0", "--no-cache")
    assert "bucket x[2]=16, which fits exactly" in exact.out


def test_a_bundle_has_them_all(cpu: Site, model: Path, data: Path, tmp_path: Path) -> None:
    made = cpu.zif("compile", model, "--buckets", "2", "--from", data, "-o", tmp_path / "b", "--no-cache", "--json")
    assert made.code == 0, made.err
    assert [(row["label"], row["padding"]) for row in made.json["buckets"]] == [
        ("length=4", "zero"),
        ("length=12", "zero"),
    ]
    assert {"buckets.json", "buckets/0/manifest.json", "buckets/1/manifest.json"} <= set(made.json["files"])
    ran = cpu.zif("run", tmp_path / "b", "-i", f"x={data / '3.npy'}", "--json")
    assert ran.json["results"][0]["bucket"]["label"] == "length=12"
    again = cpu.zif("run", tmp_path / "b", "--shape", "x=1,4,{8,16}", "-i", f"x={data / '3.npy'}")
    assert (again.code, again.out) == (2, "")
    assert "planned and built already" in again.err


def test_what_cannot_be_padded_is_told_with_its_operator(cpu: Site, data: Path, tmp_path: Path) -> None:
    twice = save(tmp_path / "twice.onnx", "z = Concat<axis=2>(x, x) y = MaxPool<kernel_shape=[2], strides=[2]>(z)")
    made = cpu.zif("compile", twice, "--shape", "x=1,4,{8,16}", "-o", tmp_path / "b", "--no-cache")
    assert made.code == 0, made.err
    assert "x[2]=8: Concat 'Concat_0' mixes padding into the valid part" in " ".join(made.out.split())
    ran = cpu.zif("run", tmp_path / "b", "-i", f"x={data / '0.npy'}")
    assert "it fits into no bucket and ran at its real shape" in ran.out


def test_masks_are_told(cpu: Site, data: Path, tmp_path: Path) -> None:
    soft = save(tmp_path / "soft.onnx", "y = Softmax<axis=2>(x)")
    made = cpu.zif("compile", soft, "--shape", "x=1,4,{8,16}", "-o", tmp_path / "b", "--no-cache")
    assert made.code == 0, made.err
    assert "x[2]=8: inputs that are smaller are padded, behind 2 masks" in " ".join(made.out.split())
    ran = cpu.zif("run", tmp_path / "b", "-i", f"x={data / '0.npy'}", "--json")
    assert ran.json["results"][0]["bucket"]["padding"] == "zero"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--random", "0", "--buckets", "3"), "--from DIR|NPZ|LIST"),
        (("plan", "--from", "."), "--from goes with --buckets N"),
        (("plan", "--shape", "x=1,4,{8,x}"), "'x' is no size"),
        (("plan", "--shape", "x=1,4,{8,16}", "--html", "p.html"), "--html is about one plan"),
        (("plan", "--shape", "breadth=1..9:3"), "no input and no dimension 'breadth'"),
        (("profile", "--random", "0", "--shape", "x=1,4,{8,16}"), "several sizes"),
    ],
)
def test_what_does_not_go_is_refused(cpu: Site, model: Path, arguments: tuple[str, ...], told: str) -> None:
    done = cpu.zif(arguments[0], model, *arguments[1:])
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_a_dimension_is_fixed_by_its_name(cpu: Site, model: Path) -> None:
    done = cpu.zif("plan", model, "--shape", "length=5", "--shape", "N=2", "--json")
    assert done.json["inputs"][0]["shape"] == [2, 4, 5]
