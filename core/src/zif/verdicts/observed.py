"""What a backend was observed to do otherwise than it says: rules over a unit's facts, kept as JSON.

A table is made by running known tests (`zif check NAME --save`, see `zif.testing.learning`) and shipped inside a
plugin as `observed.json` beside its module. Core finds it there and hears it beside the plugin
(`zif.verdicts.settle`): a rule with an error code refuses what the backend claims, a rule with the code "ok" grants
what it declares that it cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen
from packaging.requirements import Requirement

from zif.errors import UsageError
from zif.files.documents import read_json
from zif.files.records import record
from zif.files.wording import json_text, listed
from zif.files.writing import write_whole
from zif.model.signatures import normal
from zif.model.walk import may_nest, unit_nodes
from zif.records import CODES, Verdict
from zif.verdicts.facts import view_facts

if TYPE_CHECKING:
    from zif.model import Model, Unit

    _Rules = dict[tuple[str, str], "list[Rule]"]

SCHEMA = "zif.observed/1"

#: The code of a rule that says yes.
GRANT = "ok"

#: The two kinds of difference.
MORE, LESS = "claims more than it can", "can do more than it claims"


def _code(_: Any, __: Any, value: str) -> None:
    if value not in CODES:
        raise ValueError(f"the code {value!r} is none of {', '.join(CODES)}")


def _versions(_: Any, __: Any, value: str) -> None:
    if value:
        Requirement(value)


@frozen
class Rule:
    """An operator under conditions, all of which must hold; `when` lists facts in the words of `zif.verdicts.facts`.

    failed and passed count the tests that the rule covers, by how they ended on the backend. code is one of
    zif.records.CODES ("observed-wrong", "observed-crash", "precision"; "ok" for what is declared to be impossible and
    came out right). examples names a few of the tests that the rule rests on. versions: of which versions of a
    distribution the rule is, where it is not of the table's engine alone, such as "onnx<1.18".
    """

    op_type: str
    domain: str = ""
    when: tuple[str, ...] = ()
    code: str = field(default="observed-wrong", validator=_code)
    reason: str = ""
    failed: int = 0
    passed: int = 0
    examples: tuple[str, ...] = ()
    versions: str = field(default="", validator=_versions)

    def is_of_this(self) -> bool:
        """Whether the rule is of what is installed here."""
        if not self.versions:
            return True
        wanted = Requirement(self.versions)
        return wanted.specifier.contains(_installed(wanted.name), prereleases=True)


@frozen
class Table:
    """Everything observed of one backend with one version of its engine, on one target ("": on any)."""

    toolchain: str
    source: str = ""
    rules: tuple[Rule, ...] = ()
    target: str = ""

    def verdicts(self, model: Model) -> dict[str, Verdict]:
        """The verdict "unsupported" for every unit that a rule covers; other units have no entry."""
        return self.refusals(model, model.units)

    def refusals(self, model: Model, units: Iterable[Unit]) -> dict[str, Verdict]:
        """The same for some of the model's units."""
        return self._told(model, units, [rule for rule in self.rules if rule.code != GRANT])

    def grants(self, model: Model, units: Iterable[Unit]) -> dict[str, Verdict]:
        """The verdict "supported" for those of `units` that a rule with the code "ok" covers.

        Of single nodes only: that a part is fine says nothing of a quantized group or of what a loop does with it.
        """
        alone = [u for u in units if len(u.nodes) == 1 and not may_nest(u.op_type, u.domain, u.since)]
        return self._told(model, alone, [rule for rule in self.rules if rule.code == GRANT])

    def differences(self) -> dict[str, tuple[str, ...]]:
        """Sentences, by the kind of difference between what the backend says and what was seen."""
        more, less = [rule for rule in self.rules if rule.code != GRANT], [r for r in self.rules if r.code == GRANT]
        return {MORE: tuple(map(self.sentence, more)), LESS: tuple(map(self.sentence, less))}

    def summary(self, most: int = 10) -> Iterator[str]:
        """The differences as lines for people, at most `most` of each kind."""
        for kind, sentences in self.differences().items():
            yield f"{kind}: {f'{len(sentences)} rules' if sentences else 'nothing'}"
            told = listed((f"  {sentence}" for sentence in sentences), most, "\n  … and {} more", "\n")
            yield from told.splitlines()

    def _told(self, model: Model, units: Iterable[Unit], some: list[Rule]) -> dict[str, Verdict]:
        rules = _by_operator(some)
        verdicts: dict[str, Verdict] = {}
        for unit in units if rules else ():
            rule = _covering(rules, model, unit)
            if rule is not None:
                verdicts[unit.id] = Verdict(rule.code == GRANT, "observed", rule.code, self.sentence(rule))
        return verdicts

    def sentence(self, rule: Rule) -> str:
        """The rule in words, with its evidence."""
        what = f"{rule.op_type} with {' and '.join(rule.when)}" if rule.when else rule.op_type
        such = f", such as {rule.examples[0]}" if rule.examples else ""
        tests = rule.failed + rule.passed
        count = rule.passed if rule.code == GRANT else rule.failed
        evidence = f" ({count} of {tests} tests{such})" if tests else ""
        return f"{what}: {rule.reason} in {rule.versions or self.toolchain}{evidence}"


@cache
def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "0"


def _by_operator(some: Iterable[Rule]) -> _Rules:
    rules: _Rules = {}
    for rule in some:
        rules.setdefault((rule.domain, rule.op_type), []).append(rule)
    return rules


def _covering(rules: _Rules, model: Model, unit: Unit) -> Rule | None:
    key = (unit.domain, unit.op_type)
    if len(unit.nodes) == 1 and key not in rules and not may_nest(unit.op_type, unit.domain, unit.since):
        return None
    for view in unit_nodes(model, unit):
        candidates = rules.get((normal(view.node.domain), view.node.op_type))
        if candidates:
            facts = view_facts(view, unit)
            rule = next((rule for rule in candidates if facts.issuperset(rule.when)), None)
            if rule is not None:
                return rule
    return None


def save(table: Table, path: Path) -> None:
    """Write the table as JSON, one rule after another, in an order that diffs well."""
    document = {"schema": SCHEMA, **attrs.asdict(table)}
    write_whole(path, json_text(document, indent=1) + "\n")


def load(path: Path) -> Table:
    """Read a table, which somebody may have written by hand. Raises UsageError for a file that is none."""

    def refuse(text: str) -> UsageError:
        return UsageError(f"no table of observations ({SCHEMA}): {text}")

    document = read_json(path, refuse)
    if not isinstance(document, dict) or document.pop("schema", None) != SCHEMA:
        raise refuse(f"{path} is of another schema")
    return record(Table, document, str(path), refuse, exact=True)
