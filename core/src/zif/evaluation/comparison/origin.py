"""Where an error starts: the first tensor that is markedly worse than everything that it is computed from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.evaluation.comparison.taps import Tap
    from zif.model import Model

#: Above this many dB a tensor counts as exact: rounding to 8 bits alone costs about as much.
EXACT_DB = 40.0
#: How many dB below its worst input a tensor is marked.
MARKED_DB = 10.0


def sources(model: Model, taps: Iterable[Tap]) -> dict[str, tuple[str, ...]]:
    """The nearest observed tensors that each observed tensor and each output of the model is computed from."""
    named = {info.name: info.name for info in model.outputs}
    for tap in taps:
        named[tap.value] = tap.name
        if tap.quantize is not None:
            named[tap.quantize.output[0]] = tap.name
    near: dict[str, dict[str, None]] = {}
    nearest: dict[str, tuple[str, ...]] = {}
    for node in model.proto.graph.node:
        reached: dict[str, None] = {}
        for value in node.input:
            reached.update({named[value]: None} if value in named else near.get(value, {}))
        for value in node.output:
            near[value] = reached
            name = named.get(value)
            if name is not None and name not in nearest:
                nearest[name] = tuple(source for source in reached if source != name)
    return nearest


def makers(model: Model, taps: Iterable[Tap]) -> dict[str, tuple[str, str]]:
    """Operator type and name of the node that computes each observed tensor and each output ("" for an input)."""
    nodes = {value: node for node in model.proto.graph.node for value in node.output}
    made = {}
    for name, value in [
        *((tap.name, tap.value) for tap in taps),
        *((output.name, output.name) for output in model.outputs),
    ]:
        node = nodes.get(value)
        while node is not None and node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] in nodes:
            node = nodes[node.input[0]]
        made[name] = (node.op_type, node.name) if node is not None else ("", "")
    return made


def worst_source(names: Sequence[str], sqnr: Mapping[str, float | None]) -> float:
    """The lowest ratio among what a tensor is computed from; infinite when nothing of it was observed."""
    known = [value for value in (sqnr.get(name) for name in names) if value is not None]
    return min(known, default=math.inf)


def drop(own: float | None, source: float) -> float | None:
    """How many dB the tensor lies below its worst source, what is better than EXACT_DB counted as that.

    0 where the source has no figure left to fall from.
    """
    if own is None:
        return None
    if source == -math.inf:
        return 0.0
    return max(0.0, min(source, EXACT_DB) - own)


def harmless(
    falls: Mapping[str, float], sources: Mapping[str, Sequence[str]], sqnr: Mapping[str, float | None], ends: set[str]
) -> set[str]:
    """Tensors that are far off although nothing comes of it: a mask of -3e38 that ends at -50 before a Softmax.

    falls: for each marked tensor, the ratio of what it is computed from. What is computed from it and stays MARKED_DB
    below that is off with it; where that reaches no output (`ends`), all of it is harmless.
    """
    readers: dict[str, list[str]] = {}
    for name, before in sources.items():
        for tensor in before:
            readers.setdefault(tensor, []).append(name)
    names: set[str] = set()
    for name, source in falls.items():
        off = _off(name, min(source, EXACT_DB) - MARKED_DB, readers, sqnr)
        if off.isdisjoint(ends) and readers.keys() >= off:
            names |= off
    return names


def _off(name: str, bound: float, readers: Mapping[str, Sequence[str]], sqnr: Mapping[str, float | None]) -> set[str]:
    """A tensor, and what is computed from it and has at most so many dB, or no figure."""
    off, waiting = {name}, [name]
    while waiting:
        for reader in readers.get(waiting.pop(), ()):
            ratio = sqnr.get(reader)
            if reader not in off and (ratio is None or ratio <= bound):
                off.add(reader)
                waiting.append(reader)
    return off
