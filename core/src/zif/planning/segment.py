"""A segment of a plan, which a session needs of it, and the policies that there are: what is known without planning."""

from __future__ import annotations

from typing import Literal, get_args

from attrs import frozen

from zif.records import Kind

Policy = Literal["balanced", "performance", "power", "memory"]
POLICIES: tuple[str, ...] = get_args(Policy)


@frozen
class Segment:
    """Units that run as one step on one backend. Segments are numbered in an order in which they can run."""

    id: int
    backend: str
    kind: Kind
    units: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    latency_us: float
    energy_uj: float
    label: str = ""

    @property
    def shown(self) -> str:
        """The kind, or what the backend wants to have said in its place."""
        return self.label or self.kind
