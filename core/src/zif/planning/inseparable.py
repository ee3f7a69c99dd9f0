"""Units that stay together because nothing says what flows between them.

A segment ends at values of known type: it is a model of its own. A value of which neither onnx nor an engine knows the
type can only lie inside one, so its maker and its readers share a backend and a segment, with all that lies on the way
from one to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zif.errors import Unsupported
from zif.files.wording import listed
from zif.records import Verdict

if TYPE_CHECKING:
    from zif.model import Model, Unit


def wholes(model: Model) -> list[list[int]]:
    """The positions of the units of each such group, groups of more than one unit only."""
    consumers = model.consumers
    joined = [
        [row, *consumers[name]]
        for row, unit in enumerate(model.units)
        for name in unit.outputs
        if not model.tensors[name].type and consumers.get(name)
    ]
    return _closed(model, joined) if joined else []


def _closed(model: Model, joined: Sequence[Sequence[int]]) -> list[list[int]]:
    """The groups with what lies on paths between their members: everything that a circle of groups goes through."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = [
        (row, reader)
        for row, unit in enumerate(model.units)
        for name in unit.outputs
        for reader in model.consumers.get(name, ())
    ]
    # Inside a group every unit reaches every other: with such edges, a group and its detours are one strong component.
    edges += [(a, b) for group in joined for a, b in zip(group, (*group[1:], group[0]), strict=True)]
    ends, count = np.array(edges).T, len(model.units)
    components = coo_array((np.ones(len(edges), np.int8), (ends[0], ends[1])), shape=(count, count))
    _, member = connected_components(components, directed=True, connection="strong")
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(member.tolist()):
        rows.setdefault(number, []).append(row)
    return [group for group in rows.values() if len(group) > 1]


def together(open_to: NDArray[np.bool_], groups: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """bool[n, K]: where units may run when each group runs in one place."""
    result = open_to.copy()
    for group in groups:
        result[group] = open_to[group].all(axis=0)
    return result


def check_home(
    model: Model,
    open_to: NDArray[np.bool_],
    groups: Sequence[Sequence[int]],
    names: Sequence[str],
    verdicts: Sequence[Sequence[Verdict]],
) -> None:
    """Raise Unsupported for a group of units of which each has a home, and all together none."""
    for group in groups:
        if open_to[group].any(axis=1).all() and not open_to[group].all(axis=0).any():
            raise Unsupported(_homeless(model, group, open_to, names, verdicts))


def _homeless(
    model: Model,
    group: Sequence[int],
    open_to: NDArray[np.bool_],
    names: Sequence[str],
    verdicts: Sequence[Sequence[Verdict]],
) -> str:
    units = [model.units[row] for row in group]
    value = next(name for unit in units for name in unit.outputs if not model.tensors[name].type)
    maker = next(unit for unit in units if value in unit.outputs)
    rows = [
        f"  {name} does not take {listed(_missing(model, group, open_to[:, column]), 3)}: "
        + next(verdicts[row][column].reason for row in group if not open_to[row, column])
        for column, name in enumerate(names)
    ]
    head = (
        f"{model.name}: {len(group)} units must run on one backend, and none takes them all: the type of {value!r}, "
        f"made by {maker.id!r} ({_operator(maker)}), is not known, so nothing can be cut there. Add it to the file's "
        "value_info, or name the library that has the operator: --custom-ops"
    )
    return "\n".join([head, *rows])


def _missing(model: Model, group: Sequence[int], taken: NDArray[np.bool_]) -> list[str]:
    return [f"{model.units[row].id} ({_operator(model.units[row])})" for row in group if not taken[row]]


def _operator(unit: Unit) -> str:
    return f"{unit.domain}.{unit.op_type}" if unit.domain else unit.op_type
