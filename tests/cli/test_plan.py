"""`zif plan`: the placement and why, as tables, as JSON and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import GOOD, IMPORT_SLEEPS, Site
from small import classifier
from zif import Rates


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def both(site: Site) -> Site:
    """`fast` has no Softmax, `wide` has everything and is slow."""
    site.add("fast", OPS={"MatMul", "Relu"}, COST=1.0)
    site.add("wide", COST=100.0)
    return site


def planned(site: Site, model: Path, *arguments: str) -> Any:
    result = site.zif("plan", model, "--json", *arguments)
    assert result.code == 0, result.err
    assert result.json["schema"] == "zif.plan/1"
    return result.json


def homes(document: Any) -> dict[str, str]:
    return {unit["name"]: unit["backend"] for unit in document["units"]}


def test_the_document_has_what_tools_rely_on(both: Site, model: Path) -> None:
    document = planned(both, model)
    assert (document["model"], document["target"], document["policy"]) == ("net", "host", "balanced")
    assert homes(document) == {"mm": "fast", "relu": "fast", "sm": "wide"}
    assert [(s["id"], s["backend"], s["kind"], s["units"]) for s in document["segments"]] == [
        (0, "fast", "hardware", ["mm", "relu"]),
        (1, "wide", "hardware", ["sm"]),
    ]
    assert [(s["inputs"], s["outputs"]) for s in document["segments"]] == [(["x"], ["r"]), (["r"], ["y"])]
    refused = document["units"][2]["verdicts"]["fast"]
    assert (refused["supported"], refused["basis"], refused["code"]) == (False, "declared", "op")
    assert refused["reason"] == "does not have Softmax"
    for score in document["scores"].values():
        assert score["total"] == pytest.approx(sum(score["terms"].values()))
    assert document["predicted"].keys() >= {"latency_us", "energy_uj", "transfer_bytes", "greedy_latency_us", "single"}
    assert list(document["predicted"]["single"]) == ["wide"]


def test_equal_calls_give_equal_documents(both: Site, model: Path) -> None:
    assert both.zif("plan", model, "--json").out == both.zif("plan", model, "--json").out


def test_the_tables_say_where_what_and_why(both: Site, model: Path) -> None:
    both.add("asleep", IMPORT_SLEEPS)
    both.add("pretend", KIND="emulator")
    text = both.zif("plan", model, ZIF_DEADLINE="1").out
    assert "net: 3 units for host, policy balanced" in text
    assert "Not on wide, the best by score: 2 of 3 units" in text
    assert "greedy placement" in text
    assert "all on wide" in text
    assert "takes no part: asleep (fake-asleep 1.0)" in text
    assert "takes no part: pretend (fake-pretend 1.0): an emulator on this machine" in text


def test_units_that_miss_the_best_backend_are_grouped_by_reason(site: Site, tmp_path: Path) -> None:
    site.add("best", OPS={"MatMul", "Relu", "Softmax"}, COST=1.0)
    site.add("rest", COST=100.0)
    document = planned(site, classifier(tmp_path / "n.onnx"), "--pin", "sm=rest", "--pin", "op:Relu=rest")
    assert homes(document) == {"mm": "best", "relu": "rest", "sm": "rest"}
    text = site.zif("plan", tmp_path / "n.onnx", "--pin", "sm=rest", "--pin", "op:Relu=rest").out
    (row,) = [line for line in text.splitlines() if "pinned to rest by the caller" in line]
    assert row.split()[:2] == ["2", "pinned"]
    assert "as asked for: --pin sm=rest --pin op:Relu=rest" in text


def test_the_best_backend_that_gets_nothing_is_not_what_units_are_missed_on(site: Site, model: Path) -> None:
    """`best` would take everything and is dearer everywhere: what matters is what does not run on `fast`."""
    site.add("best", COST=1000.0, EFFICIENCY=1.0)
    site.add("fast", OPS={"MatMul", "Relu"}, COST=1.0, RATES=Rates({"fp32": 1e13}, 1e10))
    site.add("wide", COST=100.0, EFFICIENCY=0.0)
    text = site.zif("plan", model).out
    assert "Not on fast, the best by score of those used (on best all would be dearer): 1 of 3 units" in text
    text = site.zif("plan", model, "--exclude", "wide", "--exclude", "fast").out
    assert "Everything runs on best, the best by score." in text


def test_reasons_that_differ_in_names_only_are_one_row(site: Site, model: Path) -> None:
    source = GOOD.replace('f"does not have {unit.op_type}"', 'f"cannot read {unit.inputs[0]!r} of {unit.id}"')
    site.add("best", source, OPS={"MatMul"}, COST=1.0, EFFICIENCY=1.0)
    site.add("rest", COST=100.0, EFFICIENCY=0.0)
    text = site.zif("plan", model).out
    (row,) = [line for line in text.splitlines() if " op " in line]
    assert row.split()[:2] == ["2", "op"]


def test_reasons_that_differ_in_figures_only_are_one_row(site: Site, model: Path) -> None:
    site.add("fast", OPS={"MatMul", "Relu"}, COST={"MatMul": 1.0, "Relu": 2.0})
    site.add("wide", COST={"MatMul": 100.0, "Relu": 200.0, "Softmax": 300.0})
    text = site.zif("plan", model).out
    (row,) = [line for line in text.splitlines() if " slower " in line]
    assert row.split()[:2] == ["2", "slower"]


def test_emulated_work_says_so(site: Site, model: Path) -> None:
    site.add("pretend", KIND="emulator")
    text = site.zif("plan", model, "--emulate").out
    assert "emulated here, not run on hardware: pretend" in text
    assert {s["kind"] for s in planned(site, model, "--emulate")["segments"]} == {"emulator"}
    on_chip = planned(site, model, "--target", "sm8650")
    assert (on_chip["target"], homes(on_chip)["mm"]) == ("snapdragon-8-gen-3", "pretend")


def test_only_exclude_and_strict(both: Site, model: Path) -> None:
    assert set(homes(planned(both, model, "--only", "wide")).values()) == {"wide"}
    assert set(homes(planned(both, model, "--exclude", "fast")).values()) == {"wide"}
    result = both.zif("plan", model, "--only", "fast", "--json")
    assert result.code == 1
    assert result.json["error"] == "Unsupported"
    expected = {"unit": "sm", "op_type": "Softmax", "backend": "fast", "code": "op", "reason": "does not have Softmax"}
    assert result.json["obstacles"] == [expected]
    assert "sm (Softmax) on fast: does not have Softmax [op]" in result.err


def test_strict_refuses_to_split(site: Site, model: Path) -> None:
    site.add("best", OPS={"MatMul", "Relu"}, COST=1.0)
    result = site.zif("plan", model, "--strict")
    assert result.code == 1
    assert "sm" in result.err
    assert "Traceback" not in result.err


def test_all_units_lists_each_with_every_verdict(both: Site, model: Path) -> None:
    text = both.zif("plan", model, "--all-units").out
    assert all(name in text for name in ("mm", "relu", "sm", "fast: op (does not have Softmax)"))


def test_all_units_are_paragraphs_where_a_table_has_no_room(both: Site, model: Path) -> None:
    text = both.zif("plan", model, "--all-units", COLUMNS="80").out
    assert "\nsm\n  Softmax, segment 1, wide, 100 µs declared\n" in text
    assert "    fast  op: does not have Softmax\n" in text
    assert "  ✓ wide  ok: " in text


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_tables_fit_the_terminal(both: Site, model: Path, columns: str) -> None:
    text = both.zif("plan", model, COLUMNS=columns).out
    ruled = [line for line in text.splitlines() if line.startswith(" ─")]
    assert len(ruled) >= 4
    assert all(len(line) <= int(columns) for line in ruled)
    assert "\x1b" not in text


def test_a_page_can_be_written(both: Site, model: Path, tmp_path: Path) -> None:
    result = both.zif("plan", model, "--html", tmp_path / "deep" / "plan.html")
    assert result.code == 0, result.err
    assert "<html" in (tmp_path / "deep" / "plan.html").read_text(encoding="utf-8")
    assert result.out.endswith(f"wrote {tmp_path / 'deep' / 'plan.html'}\n")
    before = model.read_bytes()
    assert "would be lost" in both.zif("plan", model, "--overlay", model).err
    assert model.read_bytes() == before
    refused = both.zif("plan", model, "--html", tmp_path)
    assert refused.code == 2
    assert "is a folder" in refused.err


def test_a_backend_without_a_processor_here_takes_no_part(both: Site, model: Path) -> None:
    both.add("far", KIND="emulator", RATES=None)
    document = planned(both, model, "--emulate")
    (far,) = [one for one in document["candidates"] if one["name"] == "far"]
    assert (far["takes_part"], far["code"]) == (False, "unavailable")
    assert "host has no npu" in far["reason"]


def test_open_dimensions_are_fixed_by_name(both: Site, tmp_path: Path) -> None:
    document = planned(both, classifier(tmp_path / "net.onnx", "N"), "--shape", "x=7,4")
    assert document["shapes"] == {"x": [7, 4]}
    assert document["inputs"][0]["shape"] == [7, 4]
    assert document["outputs"][0]["shape"] == [7, 3]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shape", "x"], "--shape x: write NAME=1,3,224,224"),
        (["--shape", "x=nan,4"], "'nan' is not a dimension"),
        (["--shape", "x=-1,4"], "'-1' is not a dimension"),
        (["--shape", "x=1.5,4"], "'1.5' is not a dimension"),
        (["--shape", "x=1,2,3"], "x"),
        (["--shape", "nobody=1,4"], "nobody"),
        (["--pin", "sm"], "--pin sm: write PATTERN=BACKEND"),
        (["--pin", "nobody=wide"], "no operator and no unit of net is called so"),
        (["--pin", "op:Rleu=wide"], "Did you mean 'op:Relu'?"),
        (["--pin", "sm=nobody"], "no installed backend is called 'nobody'"),
        (["--only", "wid"], "Did you mean 'wide'?"),
        (["--policy", "fastest"], "unknown policy 'fastest'"),
        (["--target", "snapdragon-99"], "snapdragon-99"),
    ],
)
def test_impossible_wishes_are_refused(both: Site, model: Path, arguments: list[str], words: str) -> None:
    result = both.zif("plan", model, *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert "Traceback" not in result.err


def test_without_any_backend_the_next_step_is_named(site: Site, model: Path) -> None:
    result = site.zif("plan", model)
    assert result.code == 1
    assert "zif backends" in result.err


@pytest.mark.parametrize(("name", "said"), [("net.onnx", "would be lost"), ("net.txt", "end it in .onnx")])
def test_an_overlay_that_cannot_be_is_refused_before_planning(both: Site, model: Path, name: str, said: str) -> None:
    before = model.read_bytes()
    told = both.zif("plan", model, "--overlay", model.with_name(name))
    assert (told.code, told.out, said in told.err) == (2, "", True)
    assert model.read_bytes() == before


def test_a_bundle_is_no_model_to_plan(both: Site, model: Path, tmp_path: Path) -> None:
    assert both.zif("compile", model, "-o", tmp_path / "net.zif").code == 0
    result = both.zif("plan", tmp_path / "net.zif")
    assert result.code == 2
    assert "is a bundle: `zif run` runs it" in result.err
