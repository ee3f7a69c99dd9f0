"""The planner: asks once, prices once, and makes a plan as often as building it calls for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from zif.errors import Unsupported
from zif.model.arguments import Progress
from zif.planning import energy, interval
from zif.planning.advice import Scene, advise
from zif.planning.candidates.assumed import lifted, quantized, told
from zif.planning.candidates.compiled import check_compiled
from zif.planning.candidates.limits import constrained
from zif.planning.candidates.participants import Participants, ask
from zif.planning.constraints import Constraints
from zif.planning.goal_checks import checks
from zif.planning.hints import open_dimensions
from zif.planning.memory.footprint import Sizes, footprints
from zif.planning.memory.policy import least_memory
from zif.planning.plan import Plan, Predicted, Request, Score, Segment, Transfer, UnitPlan
from zif.planning.pricing import Prices, price
from zif.planning.reasons import explain
from zif.planning.task import Bans, allowed, by_ends, in_microseconds, pinned, problem
from zif.records import Target, Verdict
from zif.targets.this_machine import label_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zif.model import Model
    from zif.planning.placement import Problem, Solution
    from zif.planning.plan import Candidate


@frozen(eq=False)
class Placed:
    """A placement and what led to it: the problem, the names of its tensors, the solution, and every verdict."""

    task: Problem
    tensors: tuple[str, ...]
    solution: Solution
    verdicts: Sequence[Sequence[Verdict]]
    pins: Mapping[str, str]
    scores: Mapping[str, Score]


@frozen(eq=False)
class Planner:
    """A model, a target and the backends' answers. `plan()` places; `plan(bans)` places again without what failed.

    notes: what a reader of every plan has to know of where the model came from.
    """

    model: Model
    target: Target
    request: Request
    participants: Participants
    prices: Prices
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """What is shown for the kind of each backend that takes part; "" for the kind itself."""
        known = self.participants.by_name.items()
        return {name: label_of(capabilities.capabilities, self.target) for name, capabilities in known}

    @classmethod
    def of(
        cls,
        model: Model,
        target: Target,
        request: Request,
        progress: Progress | None = None,
        isolate: bool = False,
        wishes: Constraints | None = None,
    ) -> Planner:
        """Ask the backends, hold their answers against the constraints, price the units. Raises ZifError subclasses."""
        wishes = wishes or Constraints()
        participants = ask(model, target, request, progress, isolate)
        check_compiled(model, target, participants)
        if request.assume:
            participants = lifted(participants, request.assume)
        participants = constrained(participants, model, target, wishes)
        priced = quantized(model, request.assume) if request.assume else model
        here = target.is_host and not request.assume
        chip = "" if target.is_host or request.assume else target.name
        prices = price(priced, target, list(participants.by_name.values()), here, energy.modes(request), chip)
        return cls(priced, target, request, participants, prices, tuple(participants.by_name))

    def plan(self, bans: Bans | None = None) -> Plan:
        """The cheapest placement under the request's policy. Raises Unsupported when some unit runs nowhere."""
        bans = bans or {}
        placed = self.place(bans)
        segments = _segments(self, placed.solution)
        transfers = _transfers(self, placed.task, placed.tensors, placed.solution.labels)
        predicted = _predict(self, placed, segments, transfers)
        return Plan(
            model=self.model.name,
            digest=self.model.fingerprint,
            request=self.request,
            inputs=self.model.inputs,
            outputs=self.model.outputs,
            segments=segments,
            units=self._units(placed.task, placed.solution, placed.verdicts, placed.pins),
            transfers=transfers,
            scores=placed.scores,
            predicted=predicted,
            checks=checks(self.request, predicted),
            advice=advise(self._scene(placed, segments, transfers, predicted)),
            candidates=self.participants.candidates,
            notes=(
                *self.notes,
                *([told(self.request.assume)] if self.request.assume else ()),
                *dict.fromkeys(bans.values()),
                *self._told(),
                *open_dimensions(self.model, self.names, placed.verdicts),
            ),
        )

    def _scene(
        self, placed: Placed, segments: Sequence[Segment], transfers: Sequence[Transfer], predicted: Predicted
    ) -> Scene:
        return Scene(
            model=self.model,
            target=self.target,
            names=self.names,
            capabilities={name: participant.capabilities for name, participant in self.participants.by_name.items()},
            modes=energy.modes(self.request),
            prices=self.prices,
            labels=placed.solution.labels.tolist(),
            segment=placed.solution.segments.tolist(),
            segments=segments,
            transfers=transfers,
            predicted=predicted,
        )

    def _told(self) -> list[str]:
        """What the options that were given do not change."""
        return [
            f"{name}: {text}" for name, participant in self.participants.by_name.items() for text in participant.remarks
        ]

    def _asked(self) -> list[Candidate]:
        """Whoever might have taken part, as far as the caller's own words go."""
        request = self.request
        wanted = (
            candidate
            for candidate in self.participants.candidates
            if not request.only or candidate.name in request.only
        )
        return [participant for participant in wanted if participant.name not in request.exclude]

    def place(self, bans: Bans | None = None) -> Placed:
        """The placement alone, before it is told as a plan. Raises Unsupported."""
        from zif.planning.placement import solve

        bans = bans or {}
        participants = list(self.participants.by_name.values())
        pins = pinned(self.model, self.participants, self.request)
        open_to, verdicts = allowed(self.model, participants, pins, bans, self._asked())
        scores = self.scores(bans)
        if self.request.strict:
            open_to = self._strictly(open_to, verdicts, max(scores, key=lambda name: scores[name].total), pins)
        task, tensors = problem(self.model, self.names, self.prices, open_to, self.request.policy)
        if self.request.policy == "memory":
            placement = least_memory(self.model, self.prices, tensors, task, in_microseconds(task, self.prices))
        else:
            placement = solve(task)
        return Placed(task, tensors, placement, verdicts, pins, scores)

    def supports(self, name: str, units: Sequence[str]) -> bool:
        """Whether a backend takes all these units, going by its verdicts."""
        verdicts = self.participants.by_name[name].capabilities.verdicts
        return all(unit in verdicts and verdicts[unit].supported is True for unit in units)

    def scores(self, bans: Bans | None = None) -> dict[str, Any]:
        """The selector's explained score of every backend that takes part."""
        from zif.planning.selector import BackendSelector

        capabilities = {name: participant.capabilities for name, participant in self.participants.by_name.items()}
        selector = BackendSelector(capabilities, target=self.target)
        return selector.scores(self.model, Constraints.of_policy(self.request.policy), bans=bans or {})

    def _strictly(
        self, open_to: NDArray[np.bool_], verdicts: Sequence[Sequence[Any]], best: str, pins: Mapping[str, str]
    ) -> NDArray[np.bool_]:
        column = self.names.index(best)
        missing = np.flatnonzero(~open_to[:, column])
        if len(missing):
            units = {self.model.units[i].id: verdicts[i][column] for i in missing[:20]}
            elsewhere = {unit: f"it is pinned to {name} (--pin)" for unit, name in pins.items() if name != best}
            rows = [f"  {unit}: {elsewhere.get(unit) or verdict.reason}" for unit, verdict in units.items()]
            head = f"--strict: {len(missing)} of {len(open_to)} units of {self.model.name} do not run on {best}"
            raise Unsupported("\n".join([head, *rows]))
        only = np.zeros_like(open_to)
        only[:, column] = True
        return only

    def _units(
        self, task: Problem, solution: Solution, verdicts: Sequence[Sequence[Any]], pins: Mapping[str, str]
    ) -> tuple[UnitPlan, ...]:
        from zif.planning.placement import alternatives

        labels = solution.labels
        moves = alternatives(task, labels) / (solution.cost.total or 1.0)
        asked = self.request
        told = explain(self.model, self.names, verdicts, self.prices, labels, moves, pins, asked.policy, asked.strict)
        return tuple(
            UnitPlan(
                name=unit.id,
                op_type=unit.op_type,
                domain=unit.domain,
                backend=self.names[int(labels[i])],
                segment=int(solution.segments[i]),
                verdicts=told[i],
                inputs=unit.inputs,
                outputs=unit.outputs,
                macs=unit.macs,
                precision=unit.precision,
            )
            for i, unit in enumerate(self.model.units)
        )


def _segments(planner: Planner, solution: Solution) -> tuple[Segment, ...]:
    """The segments with their boundary tensors, each output in graph order."""
    model, prices = planner.model, planner.prices
    members: list[list[int]] = [[] for _ in range(int(solution.segments.max(initial=-1)) + 1)]
    for row, segment in enumerate(solution.segments):
        members[int(segment)].append(row)
    made_in = {name: int(solution.segments[i]) for i, unit in enumerate(model.units) for name in unit.outputs}
    needed = {info.name for info in model.outputs}
    for row, unit in enumerate(model.units):
        needed.update(name for name in unit.inputs if made_in.get(name, -1) != int(solution.segments[row]))
    return tuple(
        _segment(planner, i, rows, int(solution.labels[rows[0]]), made_in, needed, prices)
        for i, rows in enumerate(members)
    )


def _segment(
    planner: Planner,
    number: int,
    rows: Sequence[int],
    label: int,
    made_in: Mapping[str, int],
    needed: set[str],
    prices: Prices,
) -> Segment:
    units = [planner.model.units[row] for row in rows]
    inputs = dict.fromkeys(name for unit in units for name in unit.inputs if made_in.get(name) != number)
    outputs = dict.fromkeys(name for unit in units for name in unit.outputs if name in needed)
    us = float(prices.us[list(rows), label].sum() + prices.launch_us[label])
    name = planner.names[label]
    general = planner.participants.by_name[name].capabilities
    ids = tuple(unit.id for unit in units)
    uj = round(us * float(prices.watts[label]), 3)
    return Segment(
        number, name, general.kind, ids, tuple(inputs), tuple(outputs), round(us, 3), uj, planner.labels[name]
    )


def _transfers(
    planner: Planner, task: Problem, tensors: Sequence[str], labels: NDArray[np.int32]
) -> tuple[Transfer, ...]:
    """Every tensor that changes its place, once per receiving place: a CPU backend works in the host's memory."""
    from zif.planning.placement import transfers

    names = (*planner.names, "host")
    moved = transfers(in_microseconds(task, planner.prices), labels)
    prices = planner.prices
    fixed, per_byte = by_ends(prices.link_us, prices.watts), by_ends(prices.link_us_per_byte, prices.watts)
    drawn = fixed[moved.source, moved.target] + moved.nbytes * per_byte[moved.source, moved.target]
    rows = zip(moved.tensor, moved.source, moved.target, moved.nbytes, moved.cost, drawn, strict=True)
    return tuple(
        Transfer(tensors[tensor], names[source], names[target], int(size), round(float(us), 3), round(float(uj), 3))
        for tensor, source, target, size, us, uj in rows
        if us > 0
    )


def _predict(planner: Planner, placed: Placed, segments: Sequence[Segment], transfers: Sequence[Transfer]) -> Predicted:
    from zif.planning.placement import greedy, single

    task, solution = placed.task, placed.solution
    sizes = Sizes.of(planner.model, planner.prices, placed.tensors)
    latency = sum(s.latency_us for s in segments) + sum(t.us for t in transfers)
    alone = {name: single(task, k) for k, name in enumerate(planner.names)}
    chosen = planner.prices.source[np.arange(len(solution.labels)), solution.labels].tolist()
    return Predicted(
        latency_us=round(latency, 3),
        transfer_bytes=sum(t.bytes for t in transfers),
        greedy_latency_us=_latency(planner, task, greedy(task)),
        single={name: _latency(planner, task, labels) for name, labels in alone.items() if labels is not None},
        source=", ".join(sorted(set(map(str, chosen)))),
        memory=footprints(task, sizes, planner.prices, solution.labels, solution.segments, planner.model),
        **energy.told(planner.target, planner.names, planner.prices, segments, transfers, latency),
        **interval.told(planner.prices, solution.labels, planner.names, segments, transfers),
    )


def _latency(planner: Planner, task: Problem, labels: NDArray[np.int32]) -> float:
    """Latency of any placement in microseconds, whatever the policy weighs."""
    from zif.planning.placement import evaluate

    return round(float(evaluate(in_microseconds(task, planner.prices), labels).total), 3)
