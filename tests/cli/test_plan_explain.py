"""`zif plan --explain`: who said what of a unit, from the first to the last, and where it went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import GOOD, Site
from small import classifier

#: Has a table, asks its engine, and knows better than both of Softmax; its tables of observations lie beside it.
ASKED = """
from zif import OpClaim
import attrs

_plain = capabilities

@hookimpl
def capabilities(target, model):
    made = _plain(target, model)
    verdicts = {unit.id: Verdict(True, "probed") for unit in model.units} if model else {}
    return attrs.evolve(made, ops=(OpClaim("MatMul"), OpClaim("Softmax")), verdicts=verdicts)
"""
OBSERVED = """{"schema": "zif.observed/1", "toolchain": "fake 1.0", "rules": [
    {"op_type": "Softmax", "code": "observed-wrong", "reason": "wrong results were seen", "failed": 2}]}"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def three(site: Site) -> Site:
    """`asked` is quick and was seen to get Softmax wrong, `wide` takes everything, `absent` takes no part."""
    site.add("asked", GOOD + ASKED)
    (site.folder / "fake_asked.observed.json").write_text(OBSERVED)
    site.add("wide", COST=100.0)
    site.add("absent", AVAILABLE=False, REASON="its library is not installed")
    return site


def explained(site: Site, model: Path, *arguments: str) -> Any:
    result = site.zif("plan", model, "--json", *arguments)
    assert result.code == 0, result.err
    assert result.json["schema"] == "zif.plan-explain/1"
    return result.json


def chain(document: Any, unit: str, backend: str) -> list[tuple[str, str, bool, str, int]]:
    (told,) = [one for one in document["units"] if one["unit"] == unit]
    (stance,) = [one for one in told["stances"] if one["backend"] == backend]
    keys = ("source", "basis", "supported", "code", "overrules")
    return [tuple(step[key] for key in keys) for step in stance["steps"]]  # type: ignore[misc]


def test_a_refusal_lists_everyone_who_was_overruled(three: Site, model: Path) -> None:
    document = explained(three, model, "--explain", "sm")
    assert chain(document, "sm", "asked") == [
        ("table", "declared", True, "ok", 0),
        ("backend", "probed", True, "ok", 0),
        ("observed", "observed", False, "observed-wrong", 2),
    ]
    assert chain(document, "sm", "wide") == [
        ("backend", "declared", True, "ok", 0),
        ("placement", "declared", True, "ok", 0),
    ]
    (unit,) = document["units"]
    assert (unit["backend"], unit["reason"]) == ("wide", "the only backend that takes it; 100 µs here")
    asked = unit["stances"][0]
    assert (asked["here"], asked["cost_us"]) == (False, None)
    assert asked["would_cost_us"] > 0
    assert [(one["backend"], one["code"]) for one in document["absent"]] == [("absent", "unavailable")]


def test_the_terminal_has_the_same_list_and_the_cost(three: Site, model: Path) -> None:
    lines = three.zif("plan", model, "--explain", "sm").out.splitlines()
    assert "sm (Softmax) runs on wide, in segment 1: the only backend that takes it; 100 µs here" in lines
    start = next(number for number, line in enumerate(lines) if line.startswith("  asked: "))
    assert lines[start].startswith("  asked: does not run there; it would take ")
    assert lines[start + 1 : start + 3] == [
        "    1. its table of operators takes it",
        "    2. the backend (probed) takes it",
    ]
    assert lines[start + 3].startswith(
        "    3. what was observed of it refuses it, overruling 2 [observed-wrong]: Softmax: "
    )
    assert "takes no part: absent (fake-absent 1.0): its library is not installed" in lines
    assert "mm (MatMul)" not in "\n".join(lines)


def test_what_the_caller_asks_for_stands_in_the_list(three: Site, model: Path) -> None:
    document = explained(
        three, model, "--explain", "mm", "--explain", "relu", "--pin", "mm=wide", "--memory-limit", "asked=20"
    )
    assert chain(document, "mm", "asked")[-1] == ("limits", "declared", False, "memory", 2)
    assert chain(document, "mm", "wide")[-1][:1] == ("pin",)
    assert chain(document, "relu", "asked")[0] == ("table", "declared", False, "op", 0)


def test_a_supposition_is_explained_in_the_plan_that_it_makes(three: Site, model: Path) -> None:
    document = explained(three, model, "--explain", "sm", "--what-if", "asked+Softmax")
    assert document["what_if"] == ["asked+Softmax"]
    assert chain(document, "sm", "asked")[2:] == [
        ("observed", "observed", False, "observed-wrong", 2),
        ("what-if", "observed", True, "ok", 3),
        ("placement", "observed", True, "ok", 0),
    ]
    assert document["units"][0]["backend"] == "asked"


@pytest.mark.parametrize(
    ("pattern", "units"),
    [("sm", ["sm"]), ("y", ["sm"]), ("op:Soft*", ["sm"]), ("*m", ["mm", "sm"]), ("*", ["mm", "relu", "sm"])],
)
def test_a_unit_is_meant_by_name_output_operator_or_glob(
    three: Site, model: Path, pattern: str, units: list[str]
) -> None:
    assert [one["unit"] for one in explained(three, model, "--explain", pattern)["units"]] == units


@pytest.mark.parametrize(("word", "meant"), [("rely", "relu"), ("Softmax", "op:Softmax"), ("op:Sofmax", "op:Softmax")])
def test_an_unknown_unit_is_the_callers_mistake(three: Site, model: Path, word: str, meant: str) -> None:
    result = three.zif("plan", model, "--explain", word)
    assert (result.code, result.out) == (2, "")
    assert f"--explain {word}: no unit of net is called so" in result.err
    assert f"Did you mean {meant!r}?" in result.err


def test_it_is_about_one_plan_of_a_model(three: Site, model: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(three.zif("plan", model, "--json").out)
    result = three.zif("plan", "--diff", tmp_path / "plan.json", tmp_path / "plan.json", "--explain", "sm")
    assert result.code == 2
    assert "--explain is about one plan of a model" in result.err


def test_the_page_is_written_beside_it_and_has_the_list(three: Site, model: Path, tmp_path: Path) -> None:
    result = three.zif("plan", model, "--explain", "sm", "--html", tmp_path / "plan.html")
    assert result.code == 0
    page = (tmp_path / "plan.html").read_text()
    steps = ["its table of operators takes it", "the backend (probed) takes it"]
    steps.append("what was observed of it refuses it, overruling 2 [observed-wrong]: Softmax: ")
    assert f'<ol class="said"><li>{"<li>".join(steps)}' in page
