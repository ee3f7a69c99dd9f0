"""A device of OpenVINO's as a zif backend: capabilities asked from `query_model`, artifacts that are its own blobs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import openvino as ov
import zif
from zif import Capabilities, Compiled, Model, Rates, StageFailed, Unit, Unsupported, Verdict
from zif.plugin import unshare

FORMAT = "openvino-blob"
NUMPY = {np.dtype(code).name for code in "?bBhHiIlLefd"}


@attrs.frozen(eq=False)
class Device:
    """The hooks of the backend for one device. settings: what its options are in OpenVINO's words.

    rates: what it does, for devices that a machine's description has no figures of.
    """

    name: str
    processor: Any
    options: type[Any]
    settings: Any
    power_efficiency: float
    precision: str = "fp32"
    rates: Rates | None = None
    missing: str = ""
    _asked: dict[tuple[Any, ...], Verdict] = attrs.field(factory=dict, repr=False)

    @zif.hookimpl
    def capabilities(self, target: zif.Target, model: Model | None) -> Capabilities:
        """It is this machine's device, where OpenVINO finds one."""
        why = self._lacking(target)
        units = () if model is None or why else model.units
        verdicts = {unit.id: self._verdict(model, unit) for unit in units}
        return Capabilities(
            self.processor,
            available=not why,
            reason=why,
            toolchain=f"openvino {ov.get_version()}",
            options=self.options,
            power_efficiency=self.power_efficiency,
            preferred_precision=self.precision,
            rates=self.rates,
            verdicts=verdicts,
        )

    @zif.hookimpl
    def compile(self, converted: zif.Converted, options: Any) -> Compiled:
        """OpenVINO's compiled blob."""
        model: Model = converted.data
        if foreign := next(filter(None, (_foreign(model, unit) for unit in model.units)), ""):
            raise Unsupported(foreign)
        blob = _engine().compile_model(_read(model), self.name, self.settings(options)).export_model()
        return Compiled(FORMAT, {"model.blob": blob.getvalue()}, "model.blob", converted.inputs, converted.outputs)

    @zif.hookimpl
    def load(self, compiled: Compiled, options: Any) -> Run:
        """Open a blob that this device made."""
        content = compiled.files[compiled.main]
        if compiled.format != FORMAT:
            raise StageFailed(f"openvino did not make this artifact: its format is {compiled.format!r}")
        data = content.read_bytes() if isinstance(content, Path) else content
        try:
            # The blob does not keep the precision: without it, a CPU that has bf16 would compute in it.
            model = _engine().import_model(data, self.name, self.settings(options))
        except RuntimeError as error:
            raise StageFailed(f"openvino cannot read the artifact: {_brief(error)}") from error
        return Run(model, [info.name for info in compiled.outputs])

    def _lacking(self, target: zif.Target) -> str:
        """Why it cannot be had; "" where it can. A device may have a number, as one of several GPUs has."""
        if not target.is_host:
            return (
                f"OpenVINO's {self.name} device is this machine's, not that of {target.name}: plan for the target host"
            )
        devices = _engine().available_devices
        if any(device.partition(".")[0] == self.name for device in devices):
            return ""
        return f"OpenVINO finds no {self.name} here, only {' and '.join(devices) or 'nothing'}: {self.missing}"

    def _verdict(self, model: Model, unit: Unit) -> Verdict:
        """OpenVINO's answer on one unit by itself; units alike in operator, attributes and types share it."""
        if model.external_files():
            return Verdict(False, "declared", "memory", "this backend does not read weights from external files")
        if why := _foreign(model, unit):
            return Verdict(False, "declared", "dtype", why)
        nodes = [model.proto.graph.node[index] for index in unit.nodes]
        attributes = tuple((node.op_type, *(a.SerializeToString() for a in node.attribute)) for node in nodes)
        types = [(model.tensors[n].type, model.tensors[n].shape) for n in (*unit.inputs, *unit.weights, *unit.outputs)]
        key = (unit.domain, unit.since, attributes, *types)
        return self._asked.get(key) or self._asked.setdefault(key, self._ask(model.slice([unit.id], unit.id), unit))

    def _ask(self, alone: Model, unit: Unit) -> Verdict:
        try:
            graph = _read(alone)
            taken = _engine().query_model(graph, self.name)
            if missing := [op.get_type_name() for op in graph.get_ops() if op.get_friendly_name() not in taken]:
                return Verdict(False, "probed", "op", f"{unit.op_type}: the {self.name} device has no {missing[0]}")
            _engine().compile_model(graph, self.name)
        except (RuntimeError, Unsupported) as error:
            return Verdict(False, "probed", "probe-failed", f"{unit.op_type}: {_brief(error)}")
        return Verdict(True, "probed")


class Run:
    """A compiled model. One infer request per thread, since a request runs one inference at a time."""

    def __init__(self, model: ov.CompiledModel, outputs: list[str]) -> None:
        self._model: ov.CompiledModel | None = model
        self._inputs = [port.get_names() for port in model.inputs]  # OpenVINO drops an input that nothing depends on
        self._outputs = outputs
        self._local = threading.local()

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs are copied in and outputs copied out, so that nobody's arrays are shared."""
        if self._model is None:
            raise StageFailed("the executable is closed")
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._model.create_infer_request()
        named = enumerate(next(name for name in names if name in inputs) for names in self._inputs)
        arrays = {place: np.asarray(inputs[name]) for place, name in named}
        try:
            request.infer(arrays, share_inputs=False)
        except (RuntimeError, ValueError) as error:
            raise StageFailed(f"openvino failed to run: {_brief(error)}") from error
        return {name: np.array(request.get_output_tensor(place).data) for place, name in enumerate(self._outputs)}

    def close(self) -> None:
        self._model, self._local = None, threading.local()


@cache
def _engine() -> ov.Core:
    return ov.Core()


def _read(model: Model) -> ov.Model:
    """Read the segment as OpenVINO's own graph. Raises Unsupported with OpenVINO's words."""
    unshare((proto := deepcopy(model.proto)).graph)  # weights that are read in two forms become two
    try:
        return _engine().read_model(proto.SerializeToString())
    except RuntimeError as error:
        raise Unsupported(f"openvino does not read {model.name}: {_brief(error)}") from error


def _foreign(model: Model, unit: Unit) -> str:
    """Values go in and out as numpy arrays, so their types must be numpy's."""
    odd = next((n for n in (*unit.inputs, *unit.outputs) if model.tensors[n].dtype not in NUMPY), "")
    return odd and f"{unit.op_type}: {odd!r} is {model.tensors[odd].type or 'of a type not known'}, no numeric tensor"


def _brief(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Exception from")]
    return (lines[-1] if lines else type(error).__name__)[:300]
