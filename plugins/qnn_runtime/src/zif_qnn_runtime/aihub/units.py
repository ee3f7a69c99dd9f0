"""Whose layers these are: what a device measured by its runtime's names, by the units of the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from zif_qnn_runtime.aihub.results import Layer, Measured

if TYPE_CHECKING:
    from zif import Model

#: What runtimes hang on a name: a count, a token, or what was fused into it.
_TAIL = re.compile(r"(_token_\d+|:\w+|_\d+_nchw|_nchw|_nhwc|_ncs)+$")


@frozen
class Group:
    """The units that one processor ran. us: of all of them; parts: of each, by its id.

    layers: which of the device's layers were found to be theirs, by unit.
    """

    processor: str
    us: float
    parts: Mapping[str, float]
    layers: Mapping[str, tuple[str, ...]]


@frozen
class Attribution:
    """groups: by processor. strange: layers that no unit was found for; their time is shared out among the others."""

    groups: tuple[Group, ...]
    strange: tuple[str, ...]


def by_unit(measured: Measured, model: Model) -> Attribution:
    """Share a run's time out to units: by layer times where they were told, else by cycles of a processor.

    A layer is a unit's when it is called like one of its nodes, or like a tensor that it makes. The parts add up to the
    time of the inference; what belongs to no unit, such as moving data, is spread over those that ran on its processor.
    """
    names = _names(model)
    owners = {layer.name: _owner(layer.name, names) for layer in measured.layers}
    weights = {layer.name: _weight(layer, measured.layers) for layer in measured.layers}
    total = sum(weights.values())
    groups = tuple(_groups(measured, owners, weights, total)) if total else ()
    return Attribution(groups, tuple(name for name, owner in owners.items() if not owner))


def _groups(
    measured: Measured, owners: Mapping[str, str], weights: Mapping[str, float], total: float
) -> Iterator[Group]:
    for processor in dict.fromkeys(layer.processor for layer in measured.layers):
        own = [layer for layer in measured.layers if layer.processor == processor]
        us = measured.us * sum(weights[layer.name] for layer in own) / total
        by_unit: dict[str, float] = {}
        layers: dict[str, tuple[str, ...]] = {}
        for layer in own:
            unit = owners[layer.name]
            if unit:
                by_unit[unit] = by_unit.get(unit, 0.0) + weights[layer.name]
                layers[unit] = (*layers.get(unit, ()), layer.name)
        known = sum(by_unit.values())
        if processor and known:
            yield Group(processor, us, {unit: us * part / known for unit, part in by_unit.items()}, layers)


def _weight(layer: Layer, layers: Sequence[Layer]) -> float:
    """Its time, or its cycles where no layer has a time."""
    if any(layer.us for layer in layers):
        return layer.us or 0.0
    return layer.cycles or 0.0


def _names(model: Model) -> dict[str, str]:
    """Units by every name that a layer of theirs may have; one that two units could have is nobody's."""
    by_name: dict[str, str] = {}
    for unit in model.units:
        nodes = (model.proto.graph.node[number] for number in unit.nodes)
        own = {unit.id, *(name for node in nodes for name in (node.name, *node.output) if name)}
        for name in {plain(name) for name in own}:
            by_name[name] = "" if by_name.get(name, unit.id) != unit.id else unit.id
    return by_name


def _owner(layer: str, names: Mapping[str, str]) -> str:
    for name in (layer, layer.partition(" ")[0], _TAIL.sub("", layer), layer.rpartition("::")[2]):
        if names.get(plain(name)):
            return names[plain(name)]
    return ""


def plain(name: str) -> str:
    """A name as every runtime writes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", name).strip("_").lower()
