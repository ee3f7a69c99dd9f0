"""`zif plan --what-if` and `zif plan --diff`: changes supposed, changes seen, and the exit code that CI looks at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import Site
from small import classifier


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def both(site: Site) -> Site:
    """`fast` has no Softmax, `wide` has everything and is slow."""
    site.add("fast", OPS={"MatMul", "Relu"}, COST=1.0)
    site.add("wide", COST=100.0)
    return site


def saved(site: Site, model: Path, path: Path, *arguments: str) -> Path:
    result = site.zif("plan", model, "--json", *arguments)
    assert result.code == 0, result.err
    path.write_text(result.out, encoding="utf-8")
    return path


def test_the_change_that_pays_is_told_without_being_asked(both: Site, model: Path) -> None:
    text = both.zif("plan", model).out
    (row,) = [line for line in text.splitlines() if "fast took Softmax" in line]
    assert "2 → 1" in row
    assert "does not have Softmax" in row
    assert "--what-if 'fast+Softmax'" in text
    (one,) = both.zif("plan", model, "--json").json["counterfactuals"]
    assert (one["changes"], one["units"], one["segments"], one["asked"]) == (["fast+Softmax"], ["sm"], 1, False)
    assert both.zif("plan", model, "--json", "--suggest", "0").json["counterfactuals"] == []


def test_what_is_supposed_is_answered_first(both: Site, model: Path) -> None:
    result = both.zif("plan", model, "--what-if", "fast-op:Mat*", "--what-if", "fast+sm")
    assert "What if fast did not take Mat*, and fast took sm" in result.out
    assert "changed: MatMul, Softmax; 2 of 3 units would run elsewhere" in result.out
    found = both.zif("plan", model, "--json", "--what-if", "fast+sm").json["counterfactuals"]
    assert [one["asked"] for one in found] == [True, False]
    assert found[0]["latency_us"] < 100 < found[0]["latency_us"] + 99


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("Softmax", 2, "write BACKEND+PATTERN"),
        ("slow+Softmax", 2, "the backends are fast, wide"),
        ("fast+Erf", 2, "no operator and no unit of net is called so"),
        ("wide-Softmax", 1, "run on none of the backends"),
    ],
)
def test_a_supposition_that_cannot_be(both: Site, model: Path, change: str, code: int, words: str) -> None:
    result = both.zif("plan", model, "--what-if", change)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert "Traceback" not in result.err


def test_a_plan_that_got_worse_ends_with_one(both: Site, model: Path, tmp_path: Path) -> None:
    old = saved(both, model, tmp_path / "old.json")
    new = saved(both, model, tmp_path / "new.json", "--pin", "mm=wide")
    worse = both.zif("plan", "--diff", old, new)
    assert worse.code == 1, worse.err
    assert "pinned to wide by the caller" in worse.out
    assert "regression: latency" in worse.out
    assert both.zif("plan", "--diff", old, new, "--threshold", "900%").code == 0
    better = both.zif("plan", "--diff", new, old)
    assert (better.code, "no regression past 5 %" in better.out) == (0, True)
    same = both.zif("plan", "--diff", old, old)
    assert (same.code, "The plans are the same." in same.out) == (0, True)


def test_the_difference_as_a_document_and_as_markdown(both: Site, model: Path, tmp_path: Path) -> None:
    old = saved(both, model, tmp_path / "old.json")
    new = saved(both, model, tmp_path / "new.json", "--only", "wide")
    result = both.zif("plan", "--diff", old, new, "--json")
    assert (result.code, result.json["schema"]) == (1, "zif.plan-diff/1")
    assert {one["unit"]: one["cause"] for one in result.json["moved"]} == {"mm": "backend", "relu": "backend"}
    assert result.json["regressions"]
    text = both.zif("plan", "--diff", old, new, "--markdown").out
    assert text.startswith("## Plan: net for host")
    assert "| 2 | fast → wide | backend |" in text


def test_plans_for_other_targets_are_not_held_against_a_threshold(both: Site, model: Path, tmp_path: Path) -> None:
    old = saved(both, model, tmp_path / "old.json")
    document = json.loads(old.read_text())
    document["target"], document["predicted"]["latency_us"] = "snapdragon-8-gen-3", 1e9
    new = tmp_path / "new.json"
    new.write_text(json.dumps(document))
    assert both.zif("plan", "--diff", old, new).code == 0
    assert both.zif("plan", "--diff", old, new, "--threshold", "5%").code == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file; `zif plan MODEL --json > plan.json` writes one"),
        ("{", "is not valid JSON"),
        ("[]", "JSON without a zif schema"),
        ('{"schema": "zif.run/1"}', "is a zif.run/1 document, not a plan"),
        ('{"schema": "zif.plan/1"}', "is missing"),
        (
            '{"schema": "zif.plan/1", "model": 3, "digest": "", "inputs": 5}',
            "read as a plan: outputs is missing",
        ),
    ],
)
def test_what_is_no_plan_is_refused(both: Site, model: Path, tmp_path: Path, content: str | None, words: str) -> None:
    old, new = saved(both, model, tmp_path / "old.json"), tmp_path / "new.json"
    if content is not None:
        new.write_text(content)
    result = both.zif("plan", "--diff", old, new)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert "new.json" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("odd", ["x", [], {}, None, True, 10**400])
def test_a_figure_of_another_type_is_told_with_its_place(both: Site, model: Path, tmp_path: Path, odd: Any) -> None:
    old, new = saved(both, model, tmp_path / "old.json"), tmp_path / "new.json"
    document = json.loads(old.read_text())
    document["predicted"]["latency_us"] = odd
    new.write_text(json.dumps(document))
    result = both.zif("plan", "--diff", old, new, "--threshold", "5%")
    assert (result.code, result.out) == (2, "")
    assert "new.json cannot be read as a plan: predicted.latency_us must be" in result.err or odd == 10**400


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "which model?"),
        (("MODEL", "--threshold", "5%"), "go with --diff"),
        (("MODEL", "--markdown"), "go with --diff"),
        (("MODEL", "--diff", "OLD", "OLD"), "takes no model"),
        (("--diff", "OLD", "OLD", "--threshold", "5"), "write a percentage"),
        (("--diff", "OLD", "OLD", "--json", "--markdown"), "give one"),
        (("--diff", "OLD", "OLD", "--html", "p.html"), "--html is about one plan"),
        (("--diff", "OLD"), "requires 2 arguments"),
    ],
)
def test_calls_that_do_not_fit_together(
    both: Site, model: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    old = saved(both, model, tmp_path / "old.json")
    result = both.zif("plan", *({"MODEL": model, "OLD": old}.get(word, word) for word in arguments))
    assert result.code == 2
    assert words in result.err
