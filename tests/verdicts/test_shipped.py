"""Observations that a plugin ships: found beside its module, preferred to what it says, never stretched too far."""

from __future__ import annotations

from pathlib import Path

import pytest
import zif
from attrs import evolve
from onnx import parser
from zif import Capabilities, Installed, Verdict
from zif.errors import BackendBroken, UsageError
from zif.testing.learning import Case, learn
from zif.verdicts import observed
from zif.verdicts.shipped import place_of, shipped, with_observations

HOST = zif.Target("host")


@pytest.fixture
def model() -> zif.Model:
    text = '<ir_version: 9, opset_import: ["": 17]> g (float[2] x) => (float[2] z) { y = Relu(x) z = Tanh(y) }'
    return zif.Model.load(parser.parse_model(text))


def case(model: zif.Model, place: int, outcome: str, claimed: bool) -> Case:
    from zif.verdicts.facts import unit_facts

    unit = model.units[place]
    return Case("test", unit.op_type, "", unit_facts(model, unit), outcome, "", claimed)  # type: ignore[arg-type]


@pytest.fixture
def table(model: zif.Model) -> observed.Table:
    """Relu is claimed and wrong, Tanh is not claimed and right."""
    cases = [case(model, 0, "wrong", True), case(model, 1, "right", False)]
    return learn(cases, "engine 1", "a test", target="host")


def said(model: zif.Model, relu: Verdict, tanh: Verdict, toolchain: str = "engine 1") -> Capabilities:
    verdicts = dict(zip((unit.id for unit in model.units), (relu, tanh), strict=True))
    return Capabilities("cpu", toolchain=toolchain, verdicts=verdicts)


YES, NO = Verdict(True), Verdict(False, "declared", "op", "no Tanh")


def after(answer: Capabilities, model: zif.Model, table: observed.Table, target: zif.Target = HOST) -> list[Verdict]:
    return list(with_observations(answer, model, target, table, "one").verdicts.values())


def test_what_was_observed_is_preferred_both_ways_and_noted(model: zif.Model, table: observed.Table) -> None:
    answer = with_observations(said(model, YES, NO), model, HOST, table, "one")
    relu, tanh = answer.verdicts.values()
    assert (relu.supported, relu.basis, relu.code) == (False, "observed", "observed-wrong")
    assert (tanh.supported, tanh.basis, tanh.code) == (True, "observed", "ok")
    assert len(answer.notes) == 2
    assert "claimed, and kept off it" in answer.notes[0]
    assert "not claimed, and placed on it" in answer.notes[1]


def test_a_refusal_holds_in_every_version_a_grant_in_its_own_and_on_its_target(
    model: zif.Model, table: observed.Table
) -> None:
    assert [v.supported for v in after(said(model, YES, NO, "engine 2"), model, table)] == [False, False]
    assert [v.supported for v in after(said(model, YES, NO), model, table, zif.Target("chip"))] == [False, False]


def test_no_grant_against_the_engines_own_word_or_a_matter_of_size(model: zif.Model, table: observed.Table) -> None:
    for no in (Verdict(False, "probed", "probe-failed", "no"), Verdict(False, "declared", "memory", "too large")):
        assert after(said(model, YES, no), model, table)[1] == no


def test_what_failed_to_open_gives_way_to_an_engine_that_was_asked(model: zif.Model, table: observed.Table) -> None:
    rules = tuple(evolve(rule, code="probe-failed") if rule.code != "ok" else rule for rule in table.rules)
    asked = Verdict(True, "probed")
    assert after(said(model, asked, NO), model, evolve(table, rules=rules))[0] == asked
    assert after(said(model, YES, NO), model, evolve(table, rules=rules))[0].supported is False


def test_a_grant_is_no_wider_than_what_was_tried(model: zif.Model, table: observed.Table) -> None:
    text = '<ir_version: 9, opset_import: ["": 17]> g (float16[2] x) => (float16[2] z) { y = Relu(x) z = Tanh(y) }'
    other = zif.Model.load(parser.parse_model(text))
    assert after(said(other, YES, NO), other, table)[1] == NO


def test_what_the_plugin_weighed_itself_holds(model: zif.Model, table: observed.Table) -> None:
    weighed = Verdict(True, "observed", reason="what went wrong cannot occur behind a Softmax")
    assert after(said(model, weighed, NO), model, table)[0] == weighed


def test_it_lies_beside_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: observed.Table) -> None:
    (tmp_path / "zif_folder").mkdir()
    (tmp_path / "zif_folder" / "__init__.py").write_text("")
    (tmp_path / "zif_single.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    rows = [Installed("one", "zif-one", "1", module) for module in ("zif_folder", "zif_single", "zif_nowhere")]
    assert [place_of(row.module) for row in rows[:2]] == [
        tmp_path / "zif_folder/observed.json",
        tmp_path / "zif_single.observed.json",
    ]
    assert place_of(rows[2].module) is None
    assert [shipped(row) for row in rows] == [None, None, None]
    observed.save(table, tmp_path / "zif_folder/observed.json")
    assert shipped(rows[0]) == table
    (tmp_path / "zif_single.observed.json").write_text("{}")
    with pytest.raises(BackendBroken, match=r"backend 'one' \(zif-one 1\).*no table of observations"):
        shipped(rows[1])


def test_rules_of_other_versions_are_not_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table may hold rules of several versions; each speaks, and is named, where its version is installed."""
    rules = [observed.Rule("Relu", reason="off", versions=text) for text in ("onnx<1", "onnx>=1", "not-there>=1", "")]
    observed.save(observed.Table("t", rules=tuple(rules)), tmp_path / "zif_versions.observed.json")
    (tmp_path / "zif_versions.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    table = shipped(Installed("versions", "zif-versions", "1", "zif_versions"))
    assert table is not None
    assert [rule.versions for rule in table.rules] == ["onnx>=1", ""]
    assert [table.sentence(rule) for rule in table.rules] == ["Relu: off in onnx>=1", "Relu: off in t"]


def test_versions_that_nobody_can_read_are_refused(tmp_path: Path) -> None:
    observed.save(observed.Table("t", rules=(observed.Rule("Relu", versions="onnx<1"),)), tmp_path / "t.json")
    (tmp_path / "t.json").write_text((tmp_path / "t.json").read_text().replace("onnx<1", "onnx ?"))
    with pytest.raises(UsageError, match=r"t\.json"):
        observed.load(tmp_path / "t.json")
