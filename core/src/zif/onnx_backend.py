"""ONNX's own backend interface (`onnx.backend.base.Backend`) on zif: every model that ONNX tests runs as a zif plan.

    import zif.onnx_backend as backend
    outputs = backend.prepare(model).run([x])

Keyword arguments are those of `zif.load`: target, policy, pin, only, exclude, strict, emulate, config.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import onnx
from onnx import helper
from onnx.backend.base import Backend, BackendRep, namedtupledict

from zif.errors import InvalidInput
from zif.model.dtypes import element_type
from zif.runtime.verbs import load

if TYPE_CHECKING:
    from zif.runtime.session import Session


class ZifRep(BackendRep):  # type: ignore[misc]
    """A prepared model. `session` is the zif session behind it; its plan says what runs where."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._inputs = [info.name for info in session.inputs]

    def run(self, inputs: Any, **_: Any) -> tuple[Any, ...]:
        """Outputs in the order of the graph, for inputs in the order of the graph or by name.

        Raises InvalidInput for more inputs than the model has, and what `Session.run` raises.
        """
        return tuple(self.session.run(_named(inputs, self._inputs)).values())


class ZifBackend(Backend):  # type: ignore[misc]
    """The interface as ONNX's test runner takes it. All methods are class methods, as there."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether ONNX's tests for this device can run: those for the CPU, which every machine has."""
        return device.partition(":")[0] == "CPU"

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **wishes: Any) -> ZifRep:
        """Plan, compile and load a model. Raises ZifError subclasses."""
        if not cls.supports_device(device):
            raise InvalidInput(f"zif's ONNX backend has the device CPU, not {device!r}; where to run is a zif target")
        return ZifRep(load(model, **{"cache": False, **wishes}))

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **wishes: Any) -> tuple[Any, ...]:
        """Prepare a model and run it once."""
        rep = cls.prepare(model, device, **wishes)
        try:
            return rep.run(inputs)
        finally:
            rep.session.close()

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **wishes: Any,
    ) -> tuple[Any, ...]:
        """Run a single node; its outputs by position and by name.

        outputs_info: numpy dtype and shape of each output, which is inferred without. opset_version: the opset of the
        node's domain, the newest one by default. Raises InvalidModel and what `run_model` raises.
        """
        opset = wishes.pop("opset_version", None)
        feeds = _named(inputs, [name for name in node.input if name])
        model = _single(node, feeds, outputs_info, opset)
        outputs = cls.run_model(model, feeds, device, **wishes)
        names = [name for name in node.output if name]
        named: tuple[Any, ...] = namedtupledict("Outputs", names)(*outputs)
        return named


def _named(inputs: Any, names: Sequence[str]) -> Mapping[str, Any]:
    if isinstance(inputs, Mapping):
        return inputs
    values = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    if len(values) > len(names):
        raise InvalidInput(f"{len(values)} inputs were given, and the model takes {len(names)}: {', '.join(names)}")
    return dict(zip(names, values, strict=False))


def _single(
    node: onnx.NodeProto, feeds: Mapping[str, Any], outputs_info: Sequence[tuple[Any, Any]] | None, opset: int | None
) -> onnx.ModelProto:
    import numpy as np

    def value(name: str, dtype: Any, shape: Any) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, element_type(np.dtype(dtype)), shape)

    names = [name for name in node.output if name]
    inputs = [value(name, np.asarray(array).dtype, np.asarray(array).shape) for name, array in feeds.items()]
    pairs = zip(names, outputs_info or (), strict=False)
    known = {name: value(name, dtype, shape) for name, (dtype, shape) in pairs}
    outputs = [known.get(name, onnx.ValueInfoProto(name=name)) for name in names]
    newest = onnx.defs.onnx_opset_version() if node.domain in ("", "ai.onnx") else 1
    imports = [helper.make_opsetid(node.domain, opset or newest)]
    return helper.make_model(helper.make_graph([node], node.op_type, inputs, outputs), opset_imports=imports)


is_compatible = ZifBackend.is_compatible
prepare = ZifBackend.prepare
run = run_model = ZifBackend.run_model
run_node = ZifBackend.run_node
supports_device = ZifBackend.supports_device
