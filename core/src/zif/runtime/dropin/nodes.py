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


def misfit(arg: NodeArg, shape: tuple[int, ...]) -> str:
    """What ONNX Runtime says of an input of a shape that does not fit; "" for one that does."""
    advice = "Please fix either the inputs/outputs or the model."
    if len(shape) != len(arg.shape):
        return f"Invalid rank for input: {arg.name} Got: {len(shape)} Expected: {len(arg.shape)} {advice}"
    wrong = [
        f" index: {axis} Got: {have} Expected: {want}\n"
        for axis, (have, want) in enumerate(zip(shape, arg.shape, strict=True))
        if isinstance(want, int) and have != want
    ]
    told = "".join(wrong)
    return f"Got invalid dimensions for input: {arg.name} for the following indices\n{told} {advice}" if wrong else ""
