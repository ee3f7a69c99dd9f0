"""Rules: learned from cases, kept as JSON, matched against models, laid over promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zif
from onnx import parser
from zif.errors import UsageError
from zif.testing.learning import Case, learn
from zif.verdicts import observed
from zif.verdicts.facts import unit_facts
from zif.verdicts.observed import Rule, Table


def model(text: str) -> zif.Model:
    return zif.Model.load(parser.parse_model(f'<ir_version: 9, opset_import: ["" : 18]> {text}'))


def pool(attributes: str, size: str = "float[1,1,8,8]") -> zif.Model:
    return model(f"g ({size} x) => (y) {{ y = MaxPool<kernel_shape=[2,2]{attributes}>(x) }}")


def case(name: str, given: zif.Model, outcome: str, detail: str = "") -> Case:
    unit = given.units[0]
    return Case(name, unit.op_type, unit.domain, unit_facts(given, unit), outcome, detail)  # type: ignore[arg-type]


def evidence() -> list[Case]:
    return [
        case("plain", pool(""), "right"),
        case("strided", pool(", strides=[2,2]"), "right"),
        case("padded", pool(", pads=[1,1,1,1]"), "wrong", "off by 3"),
        case("padded_unevenly", pool(", pads=[0,0,1,1]"), "wrong", "off by 2"),
        case("ceiling", pool(", ceil_mode=1"), "crash"),
        case("relu", model("g (float[2] x) => (y) { y = Relu(x) }"), "right"),
    ]


def test_learns_what_tells_failures_apart() -> None:
    table = learn(evidence(), "engine 1", "a test")
    crash, wrong = table.rules
    assert (crash.code, crash.when, crash.failed) == ("observed-crash", ("ceil_mode=1",), 1)
    assert (wrong.code, wrong.when, wrong.failed, wrong.passed) == ("observed-wrong", ("pads nonzero",), 2, 0)
    assert wrong.examples == ("padded", "padded_unevenly")
    assert learn(reversed(evidence()), "engine 1", "a test").rules[0].when == crash.when


def test_prefers_what_is_set_on_purpose_to_what_happens_to_be_so() -> None:
    """hidden_size differs by accident, layout=1 is why: both tell the failed case apart."""
    text = (
        "g (float[2,1,3] x, float[1,{n},3] w, float[1,{n},{h}] r) => (y) {{ y = GRU<hidden_size={h}{more}>(x, w, r) }}"
    )
    right = model(text.format(n=15, h=5, more=""))
    failed = model(text.format(n=18, h=6, more=", layout=1"))
    (rule,) = learn([case("usual", right, "right"), case("batchwise", failed, "refused")], "engine 1").rules
    assert (rule.when, rule.code) == (("layout=1",), "probe-failed")


def test_a_default_explains_less_than_what_is_set() -> None:
    """Only the failed case has auto_pad=NOTSET and ceil_mode=1; the first is true of every node that sets nothing."""
    right, failed = pool(', auto_pad="VALID"'), pool(", ceil_mode=1")
    (rule,) = learn([case("valid", right, "right"), case("ceiling", failed, "wrong")], "engine 1").rules
    assert rule.when == ("ceil_mode=1",)


def test_one_rule_for_all_when_nothing_is_right() -> None:
    (rule,) = learn(
        [case("plain", pool(""), "imprecise"), case("padded", pool(", pads=[1,1,1,1]"), "imprecise")], "e"
    ).rules
    assert (rule.when, rule.code, rule.failed) == ((), "precision", 2)


def test_inseparable_cases_still_give_a_rule_that_says_so() -> None:
    """A failure that depends on data: the operator is refused, and the sentence tells how many tests went right."""
    table = learn([case("one", pool(""), "right"), case("other", pool(""), "wrong")], "engine 1")
    (rule,) = table.rules
    assert (rule.failed, rule.passed) == (1, 1)
    assert "1 of 2 tests, such as other" in table.sentence(rule)


def test_verdicts_are_refusals_with_the_evidence() -> None:
    table = learn(evidence(), "engine 1")
    padded = pool(", pads=[0,1,0,1], strides=[2,1]", "float[2,3,9,9]")
    (verdict,) = table.verdicts(padded).values()
    assert (verdict.supported, verdict.basis, verdict.code) == (False, "observed", "observed-wrong")
    assert verdict.reason == (
        "MaxPool with pads nonzero: wrong results were seen (off by 3) in engine 1 (2 of 2 tests, such as padded)"
    )
    assert table.verdicts(pool(", strides=[2,2]")) == {}


def test_rules_reach_into_bodies() -> None:
    given = model("""g (float[1,1,8,8] x, bool c) => (float[1,1,8,8] y) {
        y = If (c) <
            then_branch = t () => (float[1,1,8,8] p) { p = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(x) },
            else_branch = e () => (float[1,1,8,8] r) { r = Abs(x) }
        >
    }""")
    (verdict,) = learn(evidence(), "engine 1").verdicts(given).values()
    assert verdict.code == "observed-wrong"


def test_file_round_trip(tmp_path: Path) -> None:
    table = learn(evidence(), "engine 1", "a test")
    observed.save(table, tmp_path / "observed.json")
    assert observed.load(tmp_path / "observed.json") == table


@pytest.mark.parametrize("changes", [{"op_type": []}, {"when": [[1]]}, {"when": "a"}, {"failed": "x"}, {"code": "bad"}])
def test_a_rule_with_an_odd_field_is_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    document = {"schema": observed.SCHEMA, "toolchain": "engine 1", "rules": [{"op_type": "Relu", **changes}]}
    (tmp_path / "observed.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=rf"no table of observations.*{next(iter(changes))}"):
        observed.load(tmp_path / "observed.json")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "5", '"a"', '{"schema": "zif.observed/9", "rules": []}', '{"schema": 1}']
)
def test_no_table(tmp_path: Path, content: str) -> None:
    (tmp_path / "observed.json").write_text(content)
    with pytest.raises(UsageError, match=r"no table of observations.*observed\.json"):
        observed.load(tmp_path / "observed.json")


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no table"):
        observed.load(tmp_path / "nowhere.json")


def test_rule_without_examples_has_a_sentence() -> None:
    assert Table("engine 1").sentence(Rule("Relu", reason="hand-made")) == "Relu: hand-made in engine 1"
