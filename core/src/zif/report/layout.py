"""Where segments and units go in a drawing: layers from inputs to outputs, neighbours near each other.

Layers by longest path, two sweeps of ordering by the mean position of the neighbours (the barycentre heuristic of
Sugiyama, Tagawa and Toda, 1981): linear in the edges, and good enough for graphs that are mostly chains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen


@frozen
class Spot:
    """Row from the top and column from the left, both from 0; `width` is how many spots the row has."""

    row: int
    column: float
    width: int


def layers(count: int, edges: Sequence[tuple[int, int]]) -> list[Spot]:
    """A spot for each of `count` nodes. Edges go from a lower to a higher number (a topological order)."""
    before: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        before[b].append(a)
    row = [0] * count
    for node in range(count):
        row[node] = max((row[p] + 1 for p in before[node]), default=0)
    rows: list[list[int]] = [[] for _ in range(max(row, default=-1) + 1)]
    for node in range(count):
        rows[row[node]].append(node)
    return _placed(rows, row, before)


def _placed(rows: Sequence[list[int]], row: Sequence[int], before: Sequence[Sequence[int]]) -> list[Spot]:
    position: dict[int, float] = {}
    for members in rows:
        members.sort(key=lambda node: (_mean([position[p] for p in before[node]]), node))
        for column, node in enumerate(members):
            position[node] = column - (len(members) - 1) / 2
    return [Spot(row[node], position[node], len(rows[row[node]])) for node in range(len(row))]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def edges_between(makers: Mapping[str, int], readers: Sequence[tuple[int, Sequence[str]]]) -> list[tuple[int, int]]:
    """(maker, reader) pairs, once each, from what each reader reads; tensors that nobody makes are left out."""
    pairs = {
        (makers[name], reader): None
        for reader, names in readers
        for name in names
        if makers.get(name, reader) != reader
    }
    return list(pairs)
