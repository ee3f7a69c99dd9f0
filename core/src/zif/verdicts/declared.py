"""A backend's table of operators, laid against a model: a verdict with a coded reason for every unit.

The table says per operator which versions, element types and ranks are taken (`OpClaim`). Time is linear in nodes:
what is said of an operator in one version with one set of types is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from zif.model.signatures import Signature, normal, signature
from zif.model.walk import NodeView, may_nest, unit_nodes
from zif.records import OpClaim, TensorInfo, Verdict

if TYPE_CHECKING:
    from onnx import NodeProto

    from zif.model import Model, Unit

Lookup = Callable[[str, str, int], Signature | None]
Types = tuple[tuple[str | None, ...], tuple[str | None, ...]]  # of inputs and outputs; "" unknown, None left out
_NOTHING = TensorInfo("")
_OK = Verdict(True)


def declared(
    model: Model,
    claims: Iterable[OpClaim],
    *,
    max_rank: int | None = None,
    engine: str = "the backend",
    signatures: Lookup = signature,
) -> dict[str, Verdict]:
    """The verdict of a table on every unit of `model`, by unit id.

    A unit is taken when every node of it is, the nodes of If, Loop and Scan bodies included. Codes: "op", "opset",
    "dtype", "rank". supported is None where a type that matters is not known. max_rank bounds every tensor of every
    operator; `engine` stands in the sentences; `signatures` adds the schemas of domains that onnx does not know.
    """
    return Claims(claims, max_rank=max_rank, engine=engine, signatures=signatures).verdicts(model)


class Claims:
    """The table, indexed, with what it has already said. Parameters as for `declared`."""

    def __init__(
        self,
        claims: Iterable[OpClaim],
        *,
        max_rank: int | None = None,
        engine: str = "the backend",
        signatures: Lookup = signature,
    ) -> None:
        self._rows: dict[tuple[str, str], list[OpClaim]] = {}
        for claim in claims:
            self._rows.setdefault((normal(claim.domain), claim.op_type), []).append(claim)
        self._max_rank = max_rank
        self._ranked = max_rank is not None or any(c.max_rank is not None for rows in self._rows.values() for c in rows)
        self._engine = engine
        self._signatures = signatures
        self._said: dict[object, Verdict] = {}
        self._nests: dict[tuple[str, str, int], bool] = {}

    def verdicts(self, model: Model) -> dict[str, Verdict]:
        """The verdict on every unit of `model`, by unit id."""
        return {unit.id: self.unit(model, unit) for unit in model.units}

    def unit(self, model: Model, unit: Unit) -> Verdict:
        """The verdict on one unit of `model`."""
        if len(unit.nodes) > 1 or self._may_nest(unit):
            return self._every_node(model, unit)
        node = model.proto.graph.node[unit.nodes[0]]
        return self.node(node, unit.op_type, unit.domain, unit.since, model.tensors)

    def node(
        self, node: NodeProto, op_type: str, domain: str, since: int, tensors: Mapping[str, TensorInfo]
    ) -> Verdict:
        """The verdict on one node by itself, its bodies left aside. `tensors` types the values around it."""
        get = tensors.get
        types = (
            tuple([get(name, _NOTHING).type if name else None for name in node.input]),
            tuple([get(name, _NOTHING).type if name else None for name in node.output]),
        )
        rank = max(map(_rank, map(get, (*node.input, *node.output))), default=0) if self._ranked else 0
        key = (op_type, domain, since, types, rank)
        verdict = self._said.get(key)
        if verdict is None:
            verdict = self._said[key] = self._judge(op_type, domain, since, types, rank)
        return verdict

    def _every_node(self, model: Model, unit: Unit) -> Verdict:
        """The first obstacle that is met, in the order of the unit's nodes and what is nested in them."""
        open_: Verdict | None = None
        for view in unit_nodes(model, unit):
            verdict = self.node(view.node, view.node.op_type, normal(view.node.domain), view.since, view.tensors)
            if verdict.supported is False:
                return _placed(verdict, view, unit)
            if verdict.supported is None:
                open_ = open_ or _placed(verdict, view, unit)
        return open_ or _OK

    def _may_nest(self, unit: Unit) -> bool:
        key = (unit.op_type, unit.domain, unit.since)
        nests = self._nests.get(key)
        if nests is None:
            nests = self._nests[key] = may_nest(*key)
        return nests

    def _judge(self, op_type: str, domain: str, since: int, types: Types, rank: int) -> Verdict:
        known = self._signatures(op_type, domain, since)
        name = f"{domain}.{op_type}" if domain else op_type
        asked = _Question(name, since, known, _bind(known, types) if known else {}, rank, self._max_rank)
        wild = (*self._rows.get((domain, "*"), ()), *self._rows.get(("*", "*"), ()))
        rows: Sequence[OpClaim] = (*self._rows.get((domain, op_type), ()), *wild)
        for code, fitting, sentence in _STEPS:
            left = [row for row in rows if fitting(asked, row)] if rows else []
            if not left:
                return Verdict(False, "declared", code, f"{self._engine} {sentence(asked, rows)}")
            rows = left
        doubt = next(_doubts(asked, rows), None)
        return Verdict(None, "declared", "dtype", doubt) if doubt else _OK


@frozen
class _Question:
    """One operator as one model uses it. bound: the type of every constraint and parameter, "" for one not known."""

    name: str
    since: int
    known: Signature | None
    bound: Mapping[str, str]
    rank: int
    max_rank: int | None


def _bind(known: Signature, types: Types) -> dict[str, str]:
    bound: dict[str, str] = {}
    for row, at in zip(types, (known.input_at, known.output_at), strict=True):
        for index, word in enumerate(row):
            for key in at(index) if word is not None else ():
                if key and not bound.get(key):
                    bound[key] = word or ""
    return bound


def _has_operator(_: _Question, __: OpClaim) -> bool:
    return True


def _has_version(asked: _Question, row: OpClaim) -> bool:
    return row.since <= asked.since and (row.until is None or asked.since <= row.until)


def _has_types(asked: _Question, row: OpClaim) -> bool:
    return all(not asked.bound.get(key) or asked.bound[key] in taken for key, taken in row.types.items())


def _has_rank(asked: _Question, row: OpClaim) -> bool:
    return asked.rank <= min(asked.rank if most is None else most for most in (row.max_rank, asked.max_rank))


def _no_operator(asked: _Question, _: Sequence[OpClaim]) -> str:
    return f"has no operator {asked.name}"


def _no_version(asked: _Question, rows: Sequence[OpClaim]) -> str:
    spans = sorted({(row.since, row.until or 0) for row in rows})
    words = [f"{a} and later" if not b else str(a) if a == b else f"{a} to {b}" for a, b in spans]
    return f"has {asked.name} in version {', '.join(words)}, and the model uses version {asked.since}"


def _no_types(asked: _Question, rows: Sequence[OpClaim]) -> str:
    """Names the constraint that stands in the way in the rows that come closest, and what those rows take there."""
    wrong = [
        {k for k, taken in row.types.items() if asked.bound.get(k) and asked.bound[k] not in taken} for row in rows
    ]
    fewest = min(map(len, wrong))
    key = min(min(keys) for keys in wrong if len(keys) == fewest)
    rows_there = [row for row, keys in zip(rows, wrong, strict=True) if len(keys) == fewest and key in keys]
    taken = sorted(set().union(*(row.types[key] for row in rows_there)))
    bound = asked.bound[key]
    return f"has {asked.name} version {asked.since} for {key} = {', '.join(taken)}, and the model has {bound}"


def _no_rank(asked: _Question, rows: Sequence[OpClaim]) -> str:
    limits = [most for row in rows for most in (row.max_rank, asked.max_rank) if most is not None]
    return f"has {asked.name} for at most {max(limits)} dimensions, and a tensor here has {asked.rank}"


_STEPS: tuple[tuple[str, Callable[[_Question, OpClaim], bool], Callable[[_Question, Sequence[OpClaim]], str]], ...] = (
    ("op", _has_operator, _no_operator),
    ("opset", _has_version, _no_version),
    ("dtype", _has_types, _no_types),
    ("rank", _has_rank, _no_rank),
)


def _doubts(asked: _Question, rows: Sequence[OpClaim]) -> Iterator[str]:
    """What would have to be known before the rows that are left can be trusted."""
    if not all(row.types for row in rows):
        return
    if asked.known is None:
        yield f"no schema says which type {asked.name} version {asked.since} has where"
        return
    for key, word in asked.bound.items():
        taken = set().union(*(row.types.get(key, ()) for row in rows))
        restricted = all(key in row.types for row in rows)
        if not word and restricted and not taken >= asked.known.types.get(key, frozenset("?")):
            yield f"the type of {key} of {asked.name} is not known before running"


def _rank(info: TensorInfo | None) -> int:
    return len(info.shape) if info is not None and info.shape is not None else 0


def _placed(verdict: Verdict, view: NodeView, unit: Unit) -> Verdict:
    if not view.where and view.node.op_type == unit.op_type:
        return verdict
    where = f"in the body of {view.where}" if view.where else f"in the quantized group around {unit.op_type}"
    return Verdict(verdict.supported, verdict.basis, verdict.code, f"{where}: {verdict.reason}")
