"""An ONNX model as units, tensors, sizes and MACs, and the slicing of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import onnx
from attrs import define, field

from zif.errors import UsageError
from zif.model import digest, external, slicing
from zif.model.engines import libraries
from zif.model.prepare import prepare
from zif.model.source import Source, read
from zif.model.types import initializer_info, tensor_type, value_info
from zif.model.units import Unit, build
from zif.records import TensorInfo

if TYPE_CHECKING:
    from zif.records import Array

_Types = Mapping[str, onnx.ValueInfoProto]


@define(eq=False, slots=True)
class Model:
    """A model that can be planned and sliced. Never change one: everything that is derived is kept.

    `proto` is the canonical form: functions inlined, constants as initializers, unique node names, shapes fixed as
    asked, one DequantizeLinear per reader; weights in external files stay there. `folders[0]`, also `base_dir`, is the
    folder that external data is relative to. `inputs` must be fed; `optional_inputs` have a default, the initializer of
    the same name. `tensors` has every value with what is known of it, initializers included. `opsets` maps a domain
    ("" is ai.onnx) to its version. `units` are in topological order. `custom_ops` are the user's libraries of operators
    that ONNX does not have, for engines that load such.
    """

    name: str
    proto: onnx.ModelProto
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    optional_inputs: tuple[TensorInfo, ...]
    tensors: Mapping[str, TensorInfo] = field(repr=False)
    initializers: Mapping[str, TensorInfo] = field(repr=False)
    opsets: Mapping[str, int]
    units: tuple[Unit, ...] = field(repr=False)
    path: Path | None = None
    folders: tuple[Path, ...] = ()
    custom_ops: tuple[Path, ...] = ()
    _types: _Types = field(factory=dict, repr=False)
    _digest: str = field(default="", repr=False)
    _stamp: str = field(default="", repr=False)
    _fingerprint: str = field(default="", repr=False)
    _index: slicing.Index | None = field(default=None, repr=False)

    @classmethod
    def load(
        cls,
        source: str | Path | bytes | onnx.ModelProto | Model,
        shapes: Mapping[str, Sequence[int]] | None = None,
        custom_ops: Sequence[str | Path] | str | Path = (),
    ) -> Model:
        """Read a model; `shapes` fixes the dimensions of inputs, `custom_ops` are libraries of the user's operators.

        External data is neither read nor required; see `check_external`. A Model given without `shapes` is returned as
        it is. Raises InvalidModel for content that is no valid model (saying where), UsageError for a path that is no
        file, also of a library, and for shapes that do not fit.
        """
        if isinstance(source, Model):
            return source._reshaped(shapes) if shapes else source
        return _build(read(source), shapes, "", libraries(custom_ops))

    def _reshaped(self, shapes: Mapping[str, Sequence[int]]) -> Model:
        proto = onnx.ModelProto()
        proto.CopyFrom(self.proto)
        return _build(Source(proto, self.name, self.path, self.folders), shapes, self.name, self.custom_ops)

    def rebuilt(self, proto: onnx.ModelProto) -> Model:
        """A model of another proto, which may refer to this one's external data. `proto` is taken over and changed."""
        return _build(Source(proto, self.name, self.path, self.folders), None, self.name, self.custom_ops)

    @property
    def base_dir(self) -> Path | None:
        """The folder that external data is relative to; None for a model from bytes or a proto."""
        return self.folders[0] if self.folders else None

    @property
    def digest(self) -> str:
        """sha256 of structure and weights, in hex; computed when first asked for. External files are read for it.

        What engines said of operators that onnx does not have counts, and so do the user's libraries of operators:
        another engine may know more of them.
        """
        if not self._digest:
            whole = digest.digest(self.proto, self.folders)
            self._digest = digest.with_foreign(whole, self.proto, self.opsets, self._types, self.custom_ops)
        return self._digest

    @property
    def stamp(self) -> str:
        """As `digest`, but without reading data files: their paths, sizes and times of change count in their place.

        For answers that are kept on this machine. A model without data files has the same as `digest`.
        """
        if not self._stamp:
            whole = digest.stamp(self.proto, self.folders)
            self._stamp = digest.with_foreign(whole, self.proto, self.opsets, self._types, self.custom_ops)
        return self._stamp

    @property
    def fingerprint(self) -> str:
        """sha256 of the structure with types and shapes, in hex, without the weights' data: reads no file.

        Two models of one architecture that were trained apart have the same.
        """
        if not self._fingerprint:
            self._fingerprint = digest.fingerprint(self.proto)
        return self._fingerprint

    @property
    def producers(self) -> Mapping[str, int]:
        """Position in `units` of the unit that makes each value."""
        return self._where.makers

    @property
    def consumers(self) -> Mapping[str, Sequence[int]]:
        """Positions in `units` of the units that read each value; values that no unit reads are missing."""
        return self._where.readers

    def unit(self, name: str) -> Unit:
        """The unit with this id. Raises UsageError."""
        position = self._where.units.get(name)
        if position is None:
            raise UsageError(f"the model {self.name!r} has no unit {name!r}.")
        return self.units[position]

    @property
    def _where(self) -> slicing.Index:
        if self._index is None:
            self._index = slicing.index(self.proto.graph, self.units, self.initializers)
        return self._index

    def slice(self, units: Collection[str], name: str) -> Model:
        """A valid model of just these units, named `name`.

        Its inputs are what the units read from outside, its outputs what others read or the model gives. Nothing is
        inferred again; external weights stay where they are, inline ones are copied, unless the slice is the whole.
        Raises UsageError for an unknown unit, InvalidModel where a value at the cut has no known type.
        """
        cut = slicing.plan(units, self.units, self._where)
        if self._is_whole(cut):
            return attrs.evolve(self, name=name)
        proto = slicing.build(self.proto, cut, self.units, self._where, self._types, name)
        return self._part(proto, cut, name)

    def _is_whole(self, cut: slicing.Cut) -> bool:
        ends = [value.name for value in self.inputs], [value.name for value in self.outputs]
        return len(cut.units) == len(self.units) and (list(cut.inputs), list(cut.outputs)) == ends

    def _part(self, proto: onnx.ModelProto, cut: slicing.Cut, name: str) -> Model:
        members = [self.units[position] for position in cut.units]
        order = sorted(node for unit in members for node in unit.nodes)
        moved = {node: position for position, node in enumerate(order)}
        names = [*cut.inputs, *cut.initializers, *(v for node in proto.graph.node for v in node.output if v)]
        tensors = {value: self.tensors[value] for value in names if value in self.tensors}
        optional = [value.name for value in self.optional_inputs]
        return Model(
            name=name,
            proto=proto,
            inputs=tuple(tensors[value] for value in cut.inputs),
            outputs=tuple(tensors[value] for value in cut.outputs),
            optional_inputs=tuple(tensors[value] for value in optional if value in tensors),
            tensors=tensors,
            initializers={value: self.initializers[value] for value in cut.initializers},
            opsets=self.opsets,
            units=tuple(attrs.evolve(unit, nodes=tuple(moved[node] for node in unit.nodes)) for unit in members),
            path=self.path,
            folders=self.folders,
            custom_ops=self.custom_ops,
            types={value: self._types[value] for value in tensors if value in self._types},
        )

    def check_external(self) -> None:
        """Whether every external data file that the model needs to run is there and long enough.

        Raises InvalidModel naming file and tensor.
        """
        self.external_files()

    def external_files(self) -> dict[str, Path]:
        """The data files that the model needs to run, by the relative name that `proto` uses.

        Raises InvalidModel naming file and tensor when one is missing or too short.
        """
        return external.files(self.proto.graph, self.folders)

    def array(self, name: str) -> Array:
        """The value of an initializer, read from its file if it lies in one.

        Element types that numpy lacks come as ml_dtypes. Raises UsageError for a name that is no initializer and
        InvalidModel for data that is missing or does not fit.
        """
        position = self._where.initializers.get(name)
        if position is None:
            raise UsageError(f"the model {self.name!r} has no initializer {name!r}.")
        return external.array(self.proto.graph, position, self.folders)

    def __getstate__(self) -> dict[str, Any]:
        state = attrs.asdict(self, recurse=False)
        types = onnx.GraphProto(value_info=self._types.values())
        return state | {"proto": self.proto.SerializeToString(), "_types": types.SerializeToString(), "_index": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        types = onnx.GraphProto.FromString(state["_types"])
        proto = onnx.ModelProto.FromString(state["proto"])
        known = {value.name: value for value in types.value_info}
        for name, value in (state | {"proto": proto, "_types": known}).items():
            object.__setattr__(self, name, value)


def _build(
    source: Source, shapes: Mapping[str, Sequence[int]] | None, name: str, custom_ops: tuple[Path, ...] = ()
) -> Model:
    prepared = prepare(source, shapes, custom_ops)
    proto = prepared.proto
    graph = proto.graph
    types = prepared.infos
    initializers = {tensor.name: initializer_info(tensor) for tensor in graph.initializer}
    for sparse in graph.sparse_initializer:
        values = sparse.values
        initializers[values.name] = TensorInfo(values.name, tensor_type(values.data_type), tuple(sparse.dims))
    made = [value.name for value in graph.input] + [v for node in prepared.nodes for v in node.outputs if v]
    tensors = {v: value_info(types[v]) if v in types else TensorInfo(v) for v in made} | initializers
    inputs = [value.name for value in graph.input]
    outputs = [value.name for value in graph.output]
    return Model(
        name=name or (source.path.stem if source.path else graph.name or "model"),
        proto=proto,
        inputs=tuple(tensors[value] for value in inputs if value not in initializers),
        outputs=tuple(tensors[value] for value in outputs),
        optional_inputs=tuple(tensors[value] for value in inputs if value in initializers),
        tensors=tensors,
        initializers=initializers,
        opsets=prepared.opsets,
        units=build(prepared.nodes, outputs, initializers, tensors, prepared.opsets, prepared.nested),
        path=source.path,
        folders=source.folders,
        custom_ops=custom_ops,
        types=types,
    )


load = Model.load

__all__ = ["Model", "load"]
