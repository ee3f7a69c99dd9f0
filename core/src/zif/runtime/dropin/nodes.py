"""What a model says of itself, as ONNX Runtime shows it: NodeArg and ModelMetadata."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    import onnx

    from zif.records import TensorInfo


@frozen
class NodeArg:
    """Name, type and shape of an input or output. `shape`: numbers, names of free dimensions, None."""

    name: str
    type: str
    shape: list[int | str | None]

    def __str__(self) -> str:
        return f"NodeArg(name={self.name!r}, type={self.type!r}, shape={self.shape})"


@frozen
class ModelMetadata:
    """Who made the model, and what it carries along."""

    producer_name: str = ""
    graph_name: str = ""
    domain: str = ""
    description: str = ""
    graph_description: str = ""
    version: int = 0
    custom_metadata_map: dict[str, str] = field(factory=dict)


def node_args(infos: Iterable[TensorInfo]) -> list[NodeArg]:
    """What is known of values, as ONNX Runtime says it: no shape is an empty one."""
    return [NodeArg(info.name, info.type, list(info.shape or ())) for info in infos]


def metadata(proto: onnx.ModelProto) -> ModelMetadata:
    """A model's own words. `version` is None of zif's business and handed on as it is."""
    return ModelMetadata(
        proto.producer_name,
        proto.graph.name,
        proto.domain,
        proto.doc_string,
        proto.graph.doc_string,
        int(proto.model_version) or 2**63 - 1,  # what ONNX Runtime says where a model says nothing
        {entry.key: entry.value for entry in proto.metadata_props},
    )
