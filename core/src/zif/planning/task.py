"""The placement problem of a model: which units may run where, at what price under the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from zif.errors import BackendUnavailable, Obstacle, Unsupported, UsageError
from zif.files.wording import did_you_mean, listed
from zif.planning.hints import foreign_operators, open_dimensions
from zif.planning.inseparable import check_home, together, wholes
from zif.planning.memory.policy import copies, kept
from zif.planning.placement.problem import Problem
from zif.records import Verdict
from zif.verdicts.settle import UNASKED

if TYPE_CHECKING:
    from zif.model import Model, Unit
    from zif.planning.candidates.participants import Participant, Participants
    from zif.planning.plan import Candidate, Request
    from zif.planning.pricing import Prices

#: Units that must not run on a backend after all, because building there failed: (unit id, backend) → reason.
Bans = Mapping[tuple[str, str], str]


def after_builds(participants: Sequence[Participant], bans: Bans) -> list[Mapping[str, Verdict]]:
    """Every backend's verdicts by unit id, settled with what building it brought to light."""
    failed: dict[str, dict[str, Verdict]] = {participant.backend.name: {} for participant in participants}
    for (unit, name), reason in bans.items():
        failed.setdefault(name, {})[unit] = Verdict(False, "probed", "probe-failed", reason)
    return [
        participant.after("build", failed[participant.backend.name]).capabilities.verdicts
        for participant in participants
    ]


def pinned(model: Model, participants: Participants, request: Request) -> dict[str, str]:
    """Unit id → backend, from patterns over unit names (or `op:` and an operator type). The last pattern wins.

    Raises UsageError for a pattern that matches nothing, or a backend that takes no part.
    """
    result: dict[str, str] = {}
    for pattern, name in request.pin.items():
        matched = [unit.id for unit in model.units if matches(unit, pattern)]
        if not matched:
            raise UsageError(f"--pin {pattern}={name}: {no_unit(model, pattern)}")
        if name not in participants.by_name:
            reason = next((c.reason for c in participants.candidates if c.name == name), "not installed")
            raise UsageError(f"--pin {pattern}={name}: {name} takes no part in this plan: {reason}")
        result.update(dict.fromkeys(matched, name))
    return result


def matches(unit: Unit, pattern: str) -> bool:
    """Whether a pattern over unit names, or `op:` and one over operators, means the unit."""
    if pattern.startswith("op:"):
        return fnmatchcase(unit.op_type, pattern[3:])
    return fnmatchcase(unit.id, pattern)


def no_unit(model: Model, pattern: str) -> str:
    """A sentence for a pattern that means no unit, with the names that are near it."""
    names = {name: None for unit in model.units for name in (f"op:{unit.op_type}", unit.id)}
    near = did_you_mean(f"op:{pattern}" if f"op:{pattern}" in names else pattern, names)
    return f"no operator and no unit of {model.name} is called so.{near} `zif plan --all-units` lists them"


def allowed(
    model: Model,
    participants: Sequence[Participant],
    pins: Mapping[str, str],
    bans: Bans,
    asked: Sequence[Candidate] = (),
) -> tuple[NDArray[np.bool_], list[list[Verdict]]]:
    """bool[n, K]: where each unit may run, and every verdict.

    asked: whoever was asked to take part, for the error. Raises Unsupported listing each unit without a home.
    """
    said = after_builds(participants, bans)
    verdicts = [[told.get(unit.id, UNASKED) for told in said] for unit in model.units]
    open_to = np.array([[v.supported is True for v in row] for row in verdicts], dtype=bool)
    open_to = open_to.reshape(len(model.units), len(participants))
    names = [participant.backend.name for participant in participants]
    for row, unit in enumerate(model.units):
        pin = pins.get(unit.id)
        if pin is not None:
            open_to[row] &= np.array([name == pin for name in names])
    if not names and model.units:
        raise _nobody(model, asked)
    homeless = np.flatnonzero(~open_to.any(axis=1))
    if len(homeless):
        raise _unsupported(model, [int(row) for row in homeless], names, verdicts, pins, asked)
    if groups := wholes(model):
        check_home(model, open_to, groups, names, verdicts)
        open_to = together(open_to, groups)
    return open_to, verdicts


def _unsupported(
    model: Model,
    rows: Sequence[int],
    names: Sequence[str],
    verdicts: Sequence[Sequence[Verdict]],
    pins: Mapping[str, str],
    asked: Sequence[Candidate],
) -> Unsupported:
    obstacles = [
        Obstacle(unit.id, unit.op_type, name, verdict.code, verdict.reason)
        for unit, row in ((model.units[row], verdicts[row]) for row in rows)
        for name, verdict in zip(names, row, strict=True)
        if not verdict.supported and pins.get(unit.id, name) == name
    ]
    told = (f"  {o.unit} ({o.op_type}) on {o.backend}: {o.reason} [{o.code}]" for o in obstacles)
    lines = [listed(told, 20, "\n  … and {} more", "\n")] if obstacles else []
    head = f"{model.name}: {len(rows)} of {len(model.units)} units run on none of the backends that take part"
    lines += [
        f"  {participant.name} takes no part: {participant.reason}"
        for participant in asked
        if participant.code == "failed"
    ]
    hints = (*open_dimensions(model, names, verdicts, guessed=False), *foreign_operators(model, rows))
    return Unsupported("\n".join([head, *lines, *hints]), obstacles)


def _nobody(model: Model, asked: Sequence[Candidate]) -> BackendUnavailable:
    """Why there is no plan, and the next step as each backend tells it; where the caller left nobody, that."""
    head = f"{model.name}: no backend takes part in this plan"
    if not asked:
        return BackendUnavailable(
            f"{head}: none is installed that --only and --exclude would leave; `zif backends` shows who is"
        )
    return BackendUnavailable(
        "\n".join([head, *(f"  {participant.name}: {participant.reason}" for participant in asked)])
    )


def weigh(prices: Prices, policy: str, model: Model) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Costs under the policy: float64[n, K] per unit, and float64[K] the factor for launches.

    performance counts microseconds, power microjoules, balanced their geometric mean, so that neither's unit matters.
    memory counts KiB held, weights and activations; time only decides between equals.
    """
    if policy == "memory":
        return kept(model, prices), np.full(len(prices.watts), 1e-3)
    factor = prices.watts ** {"performance": 0.0, "power": 1.0, "balanced": 0.5}[policy]
    return prices.us * factor, factor


def problem(
    model: Model, names: Sequence[str], prices: Prices, open_to: NDArray[np.bool_], policy: str
) -> tuple[Problem, tuple[str, ...]]:
    """The arrays to solve, and the tensor names in the order of the arrays."""
    costs, factor = weigh(prices, policy, model)
    index = {unit.id: row for row, unit in enumerate(model.units)}
    producer = {name: index[unit.id] for unit in model.units for name in unit.outputs}
    readers: dict[str, list[int]] = {info.name: [] for info in model.inputs}
    for row, unit in enumerate(model.units):
        for name in unit.inputs:
            readers.setdefault(name, []).append(row)
    outputs = {info.name for info in model.outputs}
    names_of = tuple(name for name in {**readers, **producer} if name in producer or name in readers)
    rows = [(producer.get(t, -1), readers.get(t, []), t in outputs, float(tensor_bytes(model, t))) for t in names_of]
    moved = copies(model, prices) if policy == "memory" else 0.0
    built = Problem.build(
        names,
        np.where(open_to, costs, np.inf),
        rows,
        by_ends(prices.link_us, factor),
        by_ends(prices.link_us_per_byte, factor) + moved,
        prices.launch_us * factor,
        groups=beside_their_readers(model, open_to, readers),
    )
    return built, names_of


def by_ends(links: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[K + 1, K + 1]: what moving costs, the part of each end weighed with that end's factor (float64[K]).

    A link is the way from one end to host memory and the way from there to the other, each spent by its own end; those
    who work in host memory spend nothing. Who takes no part in a transfer changes nothing of its price.
    """
    own = links[:, -1] * np.append(factor, 0.0)
    weighed: NDArray[np.float64] = own[:, None] + own[None, :]
    np.fill_diagonal(weighed, 0.0)
    return weighed


def in_microjoules(task: Problem, prices: Prices) -> Problem:
    """The same problem priced by energy alone, whatever the policy weighs: what processors draw while they work."""
    return evolve(
        task,
        costs=np.where(np.isfinite(task.costs), prices.us * prices.watts, np.inf),
        link_fixed=by_ends(prices.link_us, prices.watts),
        link_per_byte=by_ends(prices.link_us_per_byte, prices.watts),
        launch=prices.launch_us * prices.watts,
    )


def in_microseconds(task: Problem, prices: Prices) -> Problem:
    """The same problem priced by time alone, whatever the policy weighs."""
    return evolve(
        task,
        costs=np.where(np.isfinite(task.costs), prices.us, np.inf),
        link_fixed=prices.link_us,
        link_per_byte=prices.link_us_per_byte,
        launch=prices.launch_us,
    )


def beside_their_readers(
    model: Model, open_to: NDArray[np.bool_], readers: Mapping[str, Sequence[int]]
) -> NDArray[np.int32]:
    """int32[n], the group of each unit or -1: a unit that reads nothing and has one reader stays in its segment.

    So do units with a value between them of which nobody knows the type (see `zif.planning.inseparable`).

    Such units make constants. A weight that comes in over a segment's boundary is no constant to a compiler: one took
    five minutes for a convolution whose weights did, and a second for the same convolution with the constant inside.
    """
    groups = np.full(len(model.units), -1, dtype=np.int32)
    outputs = {info.name for info in model.outputs}
    for group in wholes(model):
        groups[group] = group[0]
    for row, unit in enumerate(model.units):
        ahead = {reader for name in unit.outputs for reader in readers.get(name, ())}
        if unit.inputs or len(ahead) != 1 or outputs.intersection(unit.outputs):
            continue
        reader = ahead.pop()
        if (open_to[row] >= open_to[reader]).all():  # wherever the reader may go, the maker may go too
            if groups[reader] < 0:
                groups[reader] = reader
            groups[row] = groups[reader]
    return groups


def tensor_bytes(model: Model, name: str) -> int:
    """Size of a value in bytes; an unknown size counts as 4 KiB, since it has to count as something."""
    info = model.tensors.get(name)
    size = info.nbytes if info is not None else None
    return 4096 if size is None else size
