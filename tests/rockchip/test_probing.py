"""How the compiler is asked: whole, without what it names, in halves; against a compiler that is made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import zif
from rockchip.models import CHAIN, model
from zif_rockchip import graph, probing
from zif_rockchip.chips import Chip

CHIP = Chip("A chip", "rk3588", 3, 1000)
Failing = Callable[[list[str]], probing._Answer | None]


def probe(monkeypatch: pytest.MonkeyPatch, made: zif.Model, failing: Failing) -> tuple[dict[str, bool | None], int]:
    """The verdicts by operator, and how many models were built, by a compiler that answers `failing` of operators."""
    asked: list[list[str]] = []

    def built(_: graph.Graph, part: zif.Model, __: Chip) -> probing._Answer:
        asked.append([unit.op_type for unit in part.units])
        return failing(asked[-1]) or probing._Answer()

    monkeypatch.setattr(probing, "_built", built)
    verdicts = probing.probe(made, CHIP).verdicts
    return {made.unit(name).op_type: said.supported for name, said in verdicts.items()}, len(asked)


def test_a_model_that_builds_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said, count = probe(monkeypatch, model(CHAIN), lambda _: None)
    assert said == dict.fromkeys(("Relu", "Abs", "Neg", "Exp"), True)
    assert count == 1


def test_without_a_name_the_culprit_is_found_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = probe(monkeypatch, model(CHAIN), lambda ops: probing._Answer(failure="no") if "Neg" in ops else None)
    assert said == {"Relu": True, "Abs": True, "Neg": False, "Exp": True}


def test_two_that_go_alone_but_not_together(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"Abs", "Exp"}
    said, _ = probe(monkeypatch, model(CHAIN), lambda ops: probing._Answer(failure="no") if both <= set(ops) else None)
    assert said == {"Relu": True, "Abs": True, "Neg": True, "Exp": False}


def test_a_named_unit_costs_one_more_build(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model(CHAIN)
    (neg,) = [unit.id for unit in made.units if unit.op_type == "Neg"]
    refusal = zif.Verdict(False, "probed", "op", "refused")
    said, count = probe(
        monkeypatch, made, lambda ops: probing._Answer(refused={neg: refusal}) if "Neg" in ops else None
    )
    assert said == {"Relu": True, "Abs": True, "Neg": False, "Exp": True}
    assert count == 2


def test_the_number_of_builds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST", 5)
    chain = "\n".join(f"t{n + 1} = Relu(t{n})" for n in range(40))
    made = model(f"g (float[2] t0) => (float[2] t40) {{ {chain} }}")
    asked = []
    monkeypatch.setattr(probing, "_built", lambda *_: asked.append(1) or probing._Answer(failure="no"))
    verdicts = probing.probe(made, CHIP).verdicts
    assert len(asked) <= 5
    assert {said.supported for said in verdicts.values()} <= {None, False}
    assert len(verdicts) == 40


def test_a_chip_without_floats_refuses_them_and_says_what_to_do() -> None:
    verdicts = probing.probe(model(CHAIN), Chip("Rockchip RV1106", "rv1106", fp16=False)).verdicts
    assert {(said.code, said.reason) for said in verdicts.values()} == {
        ("precision", "Rockchip RV1106 computes in integers only: quantize the model")
    }


@pytest.mark.parametrize(("fill", "kept_off"), [("-inf", {"Add", "ReduceMax"}), ("-3.0", set())])
def test_who_judges_an_infinity_is_kept_off(monkeypatch: pytest.MonkeyPatch, fill: str, kept_off: set[str]) -> None:
    text = "g (float[2,3] x) => (float[2,3] y, float[2,1] m) <float[3] k = {0.0, 0.0, 0.0}>"
    made = model(f"{text} {{ r = Relu(x) a = Add(r, k) y = Softmax<axis = -1>(a) m = ReduceMax<axes = [-1]>(a) }}")
    proto = made.proto
    proto.graph.initializer[0].float_data[:] = [0.0, 0.0, float(fill)]
    said, _ = probe(monkeypatch, zif.Model.load(proto), lambda _: None)
    assert {op for op, supported in said.items() if not supported} == kept_off
