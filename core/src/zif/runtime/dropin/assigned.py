"""Which operator runs where, as ONNX Runtime tells it; and what it tells of memory and devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from zif.runtime.dropin.providers import CPU, offers

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning import Plan


@frozen
class OrtEpAssignedNode:
    """An operator by its name, type and domain."""

    name: str
    op_type: str
    domain: str


@frozen
class OrtEpAssignedSubgraph:
    """Operators that a provider runs."""

    ep_name: str
    nodes: tuple[OrtEpAssignedNode, ...]

    def get_nodes(self) -> list[OrtEpAssignedNode]:
        """Its operators."""
        return list(self.nodes)


@frozen
class OrtMemoryInfo:
    """Where values of a session lie: host memory."""

    name: str = "Cpu"
    device_id: int = 0


def assigned(plan: Plan, model: Model, target: str) -> list[OrtEpAssignedSubgraph]:
    """What each provider runs. The CPU's operators stand one by one, as there; another's segment is one."""
    providers = {offer.backend: offer.provider for offer in offers(target)}
    subgraphs = []
    for segment in plan.segments:
        name = providers.get(segment.backend, CPU)
        nodes = [_node(model, unit) for unit in segment.units]
        groups: Sequence[Sequence[OrtEpAssignedNode]] = [[node] for node in nodes] if name == CPU else [nodes]
        subgraphs += [OrtEpAssignedSubgraph(name, tuple(part)) for part in groups]
    return subgraphs


def _node(model: Model, unit: str) -> OrtEpAssignedNode:
    planned = model.unit(unit)
    return OrtEpAssignedNode(planned.id, planned.op_type, planned.domain)
