"""`python -m tools.tables.qnn_htp`: run known tests on the HTP library and write down what it takes and gets wrong.

Takes half an hour on a quiet machine. Every outcome is appended to a journal, from which an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zif.model.signatures import signature
from zif.testing.learning import Case, learn
from zif.verdicts.observed import save
from zif.verdicts.shipped import place_of
from zif_qnn_htp import operators
from zif_qnn_runtime import toolchain

if TYPE_CHECKING:
    from tools.tables.qnn_htp.cases import UnitCase

SOURCE = (
    "units of the node tests of ONNX {} and of grids of attributes: as they are, with constants, in fp16, quantized"
)
TABLE = place_of("zif_qnn_htp")
Learned = Literal["right", "wrong", "error", "crash"]
#: Facts that a rule may have: what a pooling does depends on four of its attributes at once.
FACTS = 4
#: What is learned from an outcome. What fp16 cannot hold is a matter of values, which no rule about operators can see;
#: what the compiler refuses at last is planned again, and a rule from so few cases would forbid too much.
_LEARNED: Mapping[str, Learned] = {
    **{"right": "right", "imprecise": "right", "wrong": "wrong"},
    **{"crash": "crash", "error": "error"},
}
#: Their answer is chance.
_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_ACCEPTED = frozenset({"right", "imprecise", "wrong", "error"})


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = _parser().parse_args(arguments)
    cases = {case.name: case for case in _cases(options.only)}
    _say(f"{len(cases)} cases")
    outcomes = _outcomes(cases, options.journal, options.soc_model, options.workers)
    _say(", ".join(f"{word} {count}" for word, count in Counter(o for o, _ in outcomes.values()).most_common()))
    _write(cases, outcomes, options.output, options.operators)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.tables.qnn_htp", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=TABLE, help="the table of what goes wrong")
    parser.add_argument("--operators", type=Path, default=operators.TABLE, help="the table of what is taken")
    parser.add_argument("--journal", type=Path, default=Path("observed.jsonl"), help="every outcome, as it comes")
    parser.add_argument("--soc-model", type=int, default=57, help="the chip, by Qualcomm's id (57: Snapdragon 8 Gen 3)")
    parser.add_argument("--workers", type=int, default=1, help="processes at a time")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    return parser


def _cases(only: str) -> list[UnitCase]:
    """Node tests and grids with their variants, and of the parts of expanded functions those that show a new fact."""
    from tools.tables.qnn_htp.cases import distinct, node_cases
    from tools.tables.qnn_htp.grid import grid_cases
    from tools.tables.qnn_htp.variants import variants

    cases = [case for case in node_cases() if case.inputs and case.op_type not in _RANDOM]
    tests, grids = [case for case in cases if "/" not in case.name], list(grid_cases())
    whole_cases = {(case.op_type, case.facts): case for case in reversed(cases) if "/" in case.name}
    known = {(case.op_type, case.facts) for case in (*tests, *grids)}
    new = [case for key, case in whole_cases.items() if key not in known]
    forms = [form for case in tests for form in variants(case, thorough=False)]
    forms += [form for case in grids for form in variants(case, thorough=True)]
    return [case for case in distinct([*tests, *grids, *new, *forms]) if only in case.name]


def _outcomes(cases: Mapping[str, UnitCase], journal: Path, soc_model: int, workers: int) -> dict[str, tuple[str, str]]:
    """Outcome and detail of each case by name, those that the journal has and those that are still to be run."""
    from tools.tables.qnn_htp.runner import observe

    done = dict(_read(journal))
    left = [case for name, case in cases.items() if name not in done]
    with journal.open("a", encoding="utf-8") as file:
        for number, outcome in enumerate(observe(left, soc_model, workers), 1):
            file.write(json.dumps([outcome.case, outcome.outcome, outcome.detail]) + "\n")
            file.flush()
            done[outcome.case] = outcome.outcome, outcome.detail
            if number % 200 == 0:
                _say(f"{number} of {len(left)}")
    return {name: done[name] for name in cases}


def _read(journal: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8").splitlines():
            name, outcome, detail = json.loads(line)
            yield name, (outcome, detail)


def _write(cases: Mapping[str, UnitCase], outcomes: Mapping[str, tuple[str, str]], table: Path, taken: Path) -> None:
    import onnx

    learned = []
    for name, (outcome, detail) in outcomes.items():
        case = cases[name]
        if outcome in _LEARNED and not _at_the_edge(case, detail):
            learned.append(Case(name, case.op_type, case.domain, _telling(case.facts), _LEARNED[outcome], detail))
    save(learn(learned, toolchain(), SOURCE.format(onnx.__version__), FACTS), table)
    save_operators([cases[name] for name, (outcome, _) in outcomes.items() if outcome in _ACCEPTED], taken)


def _telling(facts: frozenset[str]) -> frozenset[str]:
    """The facts without those that only tell one test from another."""
    return frozenset(fact for fact in facts if not fact.startswith(("since=", "pads=[")) and " several" not in fact)


def _at_the_edge(case: UnitCase, detail: str) -> bool:
    """A cast that loses infinities: it does so only where values enter or leave the NPU (see `verdicts`)."""
    return case.op_type in ("Cast", "CastLike") and "infinities" in detail


def _say(text: Any) -> None:
    print(text, file=sys.stderr, flush=True)


def save_operators(accepted: Iterable[UnitCase], path: Path) -> None:
    """Write the operators of cases that the compiler took, by name, each with the types of its constraints."""
    rows: dict[str, dict[str, set[str]]] = {}
    for case in accepted:
        since = next(int(fact[6:]) for fact in case.facts if fact.startswith("since="))
        known = signature(case.op_type, case.domain, since)
        name = f"{case.domain}.{case.op_type}" if case.domain else case.op_type
        row = rows.setdefault(name, {})
        for fact in case.facts:
            key, _, word = fact.partition("=")
            if known is not None and key in known.types:
                row.setdefault(key, set()).add(word)
    document = {name: {key: sorted(words) for key, words in sorted(row.items())} for name, row in sorted(rows.items())}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
