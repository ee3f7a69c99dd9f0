"""How long each node takes in the evaluator."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from time import perf_counter
from typing import Any


class Stopwatch:
    """Nodes of an evaluator that note how long they took: microseconds by name, or by first output without one."""

    def __init__(self) -> None:
        self._took: dict[str, list[float]] = defaultdict(list)

    def on(self, nodes: list[Any]) -> list[Any]:
        """Stand-ins for the nodes, to be run in their place."""
        return [_Timed(node, self._took[node.onnx_node.name or next(iter(node.output), "")]) for node in nodes]

    def medians(self) -> dict[str, float]:
        """Microseconds by node, the median over runs."""
        return {name: median(took) for name, took in self._took.items() if took}


class _Timed:
    def __init__(self, node: Any, took: list[float]) -> None:
        self._node, self._took = node, took

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        try:
            return self._node.run(*args, **kwargs)
        finally:
            self._took.append((perf_counter() - start) * 1e6)
