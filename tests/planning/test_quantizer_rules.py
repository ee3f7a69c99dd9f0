"""What the backends of a plan want of a quantized model: who is heard, and how several make one record."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from zif.errors import BackendBroken, BackendNotFound, UsageError
from zif.planning.candidates import quantizer_rules
from zif.planning.candidates.combined import COMBINE, combined
from zif.planning.candidates.quantizer_rules import quantization_rules, rules_of
from zif.records import Capabilities, FixedRange, Installed, QuantizationRules, Rates, Target, WeightType

CHIP = Target("acme-one", processors={"npu": Rates({"int8": 1e12}, 1e10)})
OTHER = Target("acme-two")
SPLIT, SIGNED = QuantizationRules(split_clips=True), QuantizationRules(signed_activations=True)


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Installed backends by name: what each answers, or raises."""
    answers: dict[str, Any] = {"plain": Capabilities("cpu", rates=Rates({"fp32": 1e9}, 1e9))}

    def open_and_ask(row: Installed, target: Target, seconds: float) -> tuple[None, Capabilities]:
        answer = answers[row.name]
        if callable(answer):
            answer = answer(target)
        if isinstance(answer, Exception):
            raise answer
        return None, answer

    monkeypatch.setattr(
        quantizer_rules, "installed", lambda: [Installed(name, "d", "1", "m") for name in sorted(answers)]
    )
    monkeypatch.setattr(quantizer_rules, "open_and_ask", open_and_ask)
    return answers


def npu(rules: QuantizationRules | None, **more: Any) -> Capabilities:
    return Capabilities("npu", quantization=rules, **more)


def test_who_would_take_part_is_heard(backends: dict[str, Any]) -> None:
    assert quantization_rules([CHIP]) == quantizer_rules.Wanted()
    backends["acme"] = npu(SPLIT)
    found = quantization_rules([CHIP])
    assert (found.rules, found.backends, found.notes) == (SPLIT, ("acme",), ())
    assert quantization_rules([CHIP], exclude=("acme",)) == quantizer_rules.Wanted()
    assert quantization_rules([CHIP], only=("plain",)) == quantizer_rules.Wanted()


def test_who_would_not_is_a_note_where_nobody_else_has_rules(backends: dict[str, Any]) -> None:
    backends["acme"] = npu(SPLIT)
    away = quantization_rules([OTHER])  # has no npu
    assert (away.rules, away.backends) == (QuantizationRules(), ())
    assert "the rules of acme were not taken: acme-two has no npu" in away.notes[0]
    assert "--rules acme takes them all the same" in away.notes[0]
    backends["acme"] = npu(SPLIT, available=False, reason="libacme.so is not there")
    assert "libacme.so is not there" in quantization_rules([CHIP]).notes[0]
    backends["acme"] = npu(SPLIT, kind="emulator", rates=Rates({"int8": 1e12}, 1e10))
    host = Target("host")
    assert quantization_rules([host]).backends == ()
    assert quantization_rules([host], emulate=True).backends == ("acme",)
    backends["other"] = npu(SIGNED, rates=Rates({"int8": 1e12}, 1e10))
    assert (quantization_rules([host]).backends, quantization_rules([host]).notes) == (("other",), ())


def test_who_cannot_be_asked_is_a_note(backends: dict[str, Any]) -> None:
    backends["acme"] = BackendBroken("backend 'acme' cannot be imported")
    assert quantization_rules([CHIP]).notes == ("the rules of acme were not taken: backend 'acme' cannot be imported",)
    with pytest.raises(BackendBroken):
        rules_of("acme")


def test_one_backend_says_it_whether_it_could_run_or_not(backends: dict[str, Any]) -> None:
    backends["acme"] = npu(SPLIT, available=False, reason="no")
    assert (rules_of("acme").rules, rules_of("acme").backends) == (SPLIT, ("acme",))
    assert (rules_of("plain").rules, rules_of("plain").backends) == (QuantizationRules(), ())
    backends["acme"] = lambda target: npu(SIGNED if target.name == "sa8295p" else SPLIT)
    assert (rules_of("acme").rules, rules_of("acme", "sa8295p").rules) == (SPLIT, SIGNED)
    assert rules_of("plain").notes == ("plain has no rules of its own for quantized models",)


@pytest.mark.usefixtures("backends")
def test_a_name_that_nobody_has_is_told() -> None:
    for call in (lambda: rules_of("acne"), lambda: quantization_rules([CHIP], only=("acne",))):
        with pytest.raises(BackendNotFound, match="acne"):
            call()


def test_several_targets_are_one_model(backends: dict[str, Any]) -> None:
    backends["acme"] = npu(SPLIT)
    both = Target("acme-three", processors=CHIP.processors)
    assert quantization_rules([CHIP, both]).rules == SPLIT
    assert quantization_rules([CHIP, OTHER]).rules == SPLIT
    backends["acme"] = lambda target: npu(SPLIT if target == CHIP else SIGNED)
    with pytest.raises(UsageError, match="acme wants different things"):
        quantization_rules([CHIP, both])


def test_every_rule_can_be_combined() -> None:
    assert COMBINE.keys() == {field.name for field in attrs.fields(QuantizationRules)}
    default = QuantizationRules()
    assert combined({}) == combined({"a": default}) == combined({"a": default, "b": default}) == default


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"split_clips": True}, {"matmul_for_gemm": True}, {"split_clips": True, "matmul_for_gemm": True}),
        ({"per_channel": {"Conv", "MatMul"}}, {"per_channel": {"Conv", "Gemm"}}, {"per_channel": {"Conv"}}),
        ({"per_channel": {"Conv", "MatMul"}}, {}, {"per_channel": {"Conv"}}),
        ({"fused": {"Gelu"}}, {}, {"fused": {"Gelu"}}),
        ({"float_operators": {"Gemm"}}, {"float_operators": {"Conv"}}, {"float_operators": {"Conv", "Gemm"}}),
        ({"unsigned_weights": False}, {}, {"unsigned_weights": False}),
        ({"merged_activations": False}, {}, {"merged_activations": False}),
        ({"int4_max_rank": 4}, {"int4_max_rank": 3}, {"int4_max_rank": 3}),
        ({"int4_max_rank": 4}, {}, {"int4_max_rank": 4}),
        ({"least_range": 1e-4}, {}, {"least_range": 1e-4}),
        (
            {"weight_types": [WeightType("PRelu", "int8")]},
            {"weight_types": [WeightType("PRelu", "int8", beside=(8,))]},
            {"weight_types": [WeightType("PRelu", "int8"), WeightType("PRelu", "int8", beside=(8,))]},
        ),
        (
            {"fixed_ranges": [FixedRange("Tanh", -1, 1, bits=(8,))]},
            {"fixed_ranges": [FixedRange("Tanh", -2, 2, bits=(16,))]},
            {"fixed_ranges": [FixedRange("Tanh", -1, 1, bits=(8,)), FixedRange("Tanh", -2, 2, bits=(16,))]},
        ),
    ],
)
def test_what_both_say_holds(one: dict[str, Any], other: dict[str, Any], both: dict[str, Any]) -> None:
    assert combined({"a": QuantizationRules(**one), "b": QuantizationRules(**other)}) == QuantizationRules(**both)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"signed_activations": True}, {}),
        ({"weight_types": [WeightType("PRelu", "int8")]}, {"weight_types": [WeightType("PRelu", "uint8")]}),
        ({"fixed_ranges": [FixedRange("Tanh", -1, 1)]}, {"fixed_ranges": [FixedRange("Tanh", -2, 2, bits=(16,))]}),
    ],
)
def test_what_one_model_cannot_be_both_of_is_refused(one: dict[str, Any], other: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"b and a want {next(iter(one))} .*--rules b"):
        combined({"a": QuantizationRules(**one), "b": QuantizationRules(**other)})
