"""`zif plan -t A -t B`: one model's plans side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Site
from schemas.test_schemas import check
from small import classifier

TARGETS = ("-t", "sa8255p", "-t", "sa8295p")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def two(site: Site) -> Site:
    site.add("fast", OPS={"MatMul", "Relu"}, COST=1.0)
    site.add("wide", COST=100.0)
    return site


def test_two_plans_are_one_table(two: Site, model: Path) -> None:
    done = two.zif("plan", model, *TARGETS)
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "sa8255p sa8295p" in lines
    assert "units 2 fast, 1 wide 2 fast, 1 wide" in lines
    assert "segments 2 2" in lines
    assert "Softmax 1 wide 1 wide" in lines
    assert [line for line in lines if line.startswith("predicted")]


def test_the_document_holds_both_plans(two: Site, model: Path) -> None:
    done = two.zif("plan", model, *TARGETS, "--json")
    assert done.code == 0, done.err
    check(done.json)
    assert [plan["target"] for plan in done.json["plans"]] == ["sa8255p", "sa8295p"]
    for plan in done.json["plans"]:
        check(plan)


def test_the_same_target_twice_is_one(two: Site, model: Path) -> None:
    assert two.zif("plan", model, "-t", "sa8255p", "-t", "sa8255p", "--json").json["schema"] == "zif.plan/1"


@pytest.mark.parametrize("flag", [("--html", "x.html"), ("--what-if", "fast+Softmax"), ("--explain", "sm")])
def test_what_is_about_one_plan_is_refused(two: Site, model: Path, flag: tuple[str, str]) -> None:
    done = two.zif("plan", model, *TARGETS, *flag)
    assert (done.code, done.out) == (2, "")
    assert f"{flag[0]} is about one plan" in done.err


def test_a_target_that_nobody_knows_names_itself(two: Site, model: Path) -> None:
    done = two.zif("plan", model, "-t", "sa8255p", "-t", "tow")
    assert (done.code, done.out) == (2, "")
    assert "tow" in done.err
