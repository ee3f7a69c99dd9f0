"""Whose word on a unit holds: the order in which sources are heard, what each may overrule, and what is kept of it."""

from __future__ import annotations

import ast
import pickle
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
import zif
from zif import Capabilities, Verdict
from zif.verdicts.settle import ORDER, UNASKED, overrule, settle, with_words

YES, NO = Verdict(True), Verdict(False, "declared", "op", "no such operator")
ASKED, REFUSED = Verdict(True, "probed"), Verdict(False, "probed", "probe-failed", "the compiler refused")
DOUBT = Verdict(None, "probed", "probe-failed", "cannot be asked")
COARSE = Verdict(False, "declared", "precision", "integers only")
SEEN = Verdict(False, "observed", "observed-wrong", "off by 90")
UNOPENED = Verdict(False, "observed", "probe-failed", "refused when it was opened")
GRANTED = Verdict(True, "observed", "ok", "came out right")
IMPRECISE = Verdict(False, "observed", "precision", "off by a little")
WEIGHED = Verdict(True, "observed", "ok", "cannot occur here")
CHECKED, WRONG = Verdict(True, "verified"), Verdict(False, "verified", "observed-wrong", "12 dB")
LARGE = Verdict(False, "declared", "tensor-size", "x has 3 GiB")
FLOOR = Verdict(False, "declared", "precision", "below the floor of fp32")
ASSUMED = Verdict(True, "declared", "ok", "assumed in w8a8")
SUPPOSED, RULED_OUT = Verdict(True, "declared", "ok", "assumed"), Verdict(False, "declared", "excluded", "ruled out")
PINNED = Verdict(True, "declared", "pinned", "pinned to another by the caller")
FAILED = Verdict(False, "probed", "probe-failed", "building it failed")
SLOWER = Verdict(True, "declared", "slower", "10 µs here, 1 µs there")

#: What is said, in the order of ORDER; who has the last word; whether each word in between held for a while.
CASES = {
    "a table alone": ([("table", NO)], "table"),
    "an answer replaces the table": ([("table", NO), ("backend", ASKED)], "backend"),
    "seen to be wrong": ([("backend", ASKED), ("observed", SEEN)], "observed"),
    "seen to be wrong, and nobody knew": ([("backend", DOUBT), ("observed", SEEN)], "observed"),
    "a refusal keeps its own reason": ([("backend", NO), ("observed", SEEN)], "backend"),
    "what the plugin weighed holds": ([("backend", WEIGHED), ("observed", SEEN)], "backend"),
    "an engine that was asked since": ([("backend", ASKED), ("observed", UNOPENED)], "backend"),
    "an engine that was not": ([("backend", YES), ("observed", UNOPENED)], "observed"),
    "granted against a table": ([("backend", NO), ("observed", GRANTED)], "observed"),
    "no grant against an engine": ([("backend", REFUSED), ("observed", GRANTED)], "backend"),
    "no grant against a matter of size": ([("backend", COARSE), ("observed", GRANTED)], "backend"),
    "a grant adds nothing to a promise": ([("backend", YES), ("observed", GRANTED)], "backend"),
    "results confirm": ([("backend", ASKED), ("verified", CHECKED)], "verified"),
    "results refuse": ([("backend", WEIGHED), ("verified", WRONG)], "verified"),
    "results of what was not run": ([("backend", ASKED), ("observed", SEEN), ("verified", CHECKED)], "observed"),
    "too large": ([("backend", YES), ("tensor-size", LARGE)], "tensor-size"),
    "too large, and verified": ([("backend", YES), ("verified", CHECKED), ("tensor-size", LARGE)], "tensor-size"),
    "assumed to be quantized": ([("backend", COARSE), ("assumed", ASSUMED)], "assumed"),
    "quantizing mends no rule": ([("backend", YES), ("observed", IMPRECISE), ("assumed", ASSUMED)], "observed"),
    "quantizing adds no operator": ([("backend", NO), ("assumed", ASSUMED)], "backend"),
    "a floor holds for what is assumed": (
        [("backend", COARSE), ("assumed", ASSUMED), ("limits", FLOOR)],
        "limits",
    ),
    "a floor is not needed where there is no operator": ([("backend", NO), ("limits", FLOOR)], "backend"),
    "supposed against everyone": (
        [("backend", YES), ("observed", SEEN), ("limits", FLOOR), ("what-if", SUPPOSED)],
        "what-if",
    ),
    "ruled out": ([("backend", YES), ("what-if", RULED_OUT)], "what-if"),
    "pinned elsewhere": ([("backend", YES), ("pin", PINNED)], "pin"),
    "no pin takes what is refused": ([("backend", NO), ("pin", PINNED)], "backend"),
    "a build that failed": ([("backend", ASKED), ("what-if", SUPPOSED), ("pin", PINNED), ("build", FAILED)], "build"),
    "placed elsewhere": ([("backend", ASKED), ("placement", SLOWER)], "placement"),
    "nothing is placed where it failed": ([("backend", ASKED), ("build", FAILED), ("placement", SLOWER)], "build"),
    "a backend that left it out": ([("placement", SLOWER)], "backend"),
    "too large for one that left it out": ([("tensor-size", LARGE)], "tensor-size"),
}


@pytest.mark.parametrize("name", CASES)
def test_who_has_the_last_word(name: str) -> None:
    said, last = CASES[name]
    words = [(source, {"u": word}) for source, word in said]
    found = settle(words)["u"]
    assert found.source == last
    told = dict(said).get(last, UNASKED)
    assert found == attrs.evolve(told, source=last)
    assert settle(reversed(words))["u"].chain == found.chain, "the order is ORDER's, not the caller's"
    # One source after another, as the stages of planning do it, comes to the same.
    standing: dict[str, Verdict] = {}
    for word in words:
        standing = settle([word], standing)
    assert standing["u"].chain == found.chain


@pytest.mark.parametrize("name", CASES)
def test_whom_it_overruled_is_kept_from_the_first_to_the_last(name: str) -> None:
    said, last = CASES[name]
    chain = settle([(source, {"u": word}) for source, word in said])["u"].chain
    ranks = [[one.name for one in ORDER].index(step.source) for step in chain]
    assert ranks == sorted(ranks)
    assert chain[-1].source == last
    words = {**dict(said), "backend": dict(said).get("backend", UNASKED)}
    for step in chain:
        word = words[step.source]
        assert (step.supported, step.basis, step.code, step.reason) == attrs.astuple(word)[:4]
    for before, after in pairwise(chain):
        assert before.source != after.source


def test_the_chain_of_a_refusal_that_was_lifted_and_set_again() -> None:
    words = [("table", NO), ("backend", COARSE), ("assumed", ASSUMED), ("limits", FLOOR), ("placement", SLOWER)]
    found = settle([(source, {"u": word}) for source, word in words])["u"]
    assert [(one.source, one.supported, one.code) for one in found.chain] == [
        ("table", False, "op"),
        ("backend", False, "precision"),
        ("assumed", True, "ok"),
        ("limits", False, "precision"),
    ]


def test_an_earlier_source_never_overrules_a_later_one() -> None:
    for early, late in pairwise(source.name for source in ORDER):
        standing = Verdict(True, source=late)
        assert overrule(standing, early, FAILED) is standing


def test_an_answer_without_news_stays_itself() -> None:
    answer = Capabilities("cpu", verdicts={"u": YES})
    assert with_words(answer, ("limits", {}), ("build", {})) is answer
    changed = with_words(answer, ("limits", {"u": FLOOR, "v": LARGE}))
    assert [(verdict.source, verdict.code) for verdict in changed.verdicts.values()] == [
        ("limits", "precision"),
        ("limits", "tensor-size"),
    ]
    assert answer.verdicts == {"u": YES}


def test_verdicts_that_say_the_same_are_equal_and_the_chain_crosses_processes() -> None:
    found = settle([("table", {"u": NO}), ("backend", {"u": ASKED})])["u"]
    assert found == ASKED
    assert found.chain != ASKED.chain
    assert pickle.loads(pickle.dumps(found)).chain == found.chain


def test_nobody_else_in_core_puts_verdicts_over_others() -> None:
    """A function that changes a backend's verdicts goes through `settle`; only this room builds the answer anew."""
    root = Path(zif.__file__).parent
    found = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == "evolve"
        and {"verdicts", "overruled"} & {keyword.arg for keyword in node.keywords}
    }
    assert found == {"verdicts/settle.py", "verdicts/shipped.py"}
