"""The frozen records that cross the contract between core and a backend: what they are, nothing that they do.

Everything here pickles, compares by value and needs neither onnx nor numpy to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from attrs import Factory, field, frozen, validators

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

#: An Array, or for ONNX's other types: list (sequence), dict (map), None (empty optional).
Value = Any
#: Values by tensor name.
Arrays = Mapping[str, Value]

Kind = Literal["hardware", "emulator"]
Processor = Literal["npu", "gpu", "cpu"]
Basis = Literal["declared", "probed", "observed", "verified"]
Stage = Literal["capabilities", "convert", "compile", "load", "execute"]
STAGES: tuple[Stage, ...] = ("capabilities", "convert", "compile", "load", "execute")

#: Why a unit does or does not run on a backend, and what each code tells the reader. Tools rely on these words.
CODES: Mapping[str, str] = {
    "ok": "the backend takes the unit",
    "op": "the backend does not have the operator",
    "opset": "the backend does not have the operator in this opset version",
    "dtype": "the backend does not have the operator for these element types",
    "rank": "a tensor has more or fewer dimensions than the backend takes",
    "dynamic-shape": "the backend needs every dimension fixed",
    "attribute": "an attribute has a value that the backend does not take",
    "tensor-size": "a tensor is larger than the backend takes",
    "memory": "the unit does not fit the memory limit",
    "precision": "the backend would compute below the precision that was asked for",
    "fp16-range": "what the unit computes leaves what 16-bit floats hold: too large, too small, or without a fraction",
    "excluded": "the backend was excluded by the caller",
    "pinned": "the unit was pinned to another backend by the caller",
    "boundary-cost": "faster there by itself, but the transfers around it would cost more",
    "slower": "supported, but slower or dearer there under the policy",
    "probe-failed": "the backend's own compiler was asked and refused",
    "observed-wrong": "this version of the backend accepts the unit but was observed to compute it wrongly",
    "verified-wrong": "run on the backend's own arithmetic, the unit was further from a judge than its precision costs",
    "observed-crash": "this version of the backend accepts the unit but was observed to crash on it",
    "unavailable": "the backend cannot run or compile on this machine",
    "failed": "the backend could not be imported, or failed when it was asked",
}


@frozen
class TensorInfo:
    """Name, type and shape of one value of a graph.

    `type` is in ONNX notation: "tensor(float)", "seq(tensor(int64))", "optional(tensor(float))"; "" when unknown.
    `shape` holds an int per fixed dimension, a str per symbolic one and None per unknown one; None when the rank itself
    is unknown or the value is no tensor.
    """

    name: str
    type: str = ""
    shape: tuple[int | str | None, ...] | None = None

    @property
    def dtype(self) -> str:
        """numpy (or ml_dtypes) name of the element type, such as "float32" or "int4"; "" for what is no tensor."""
        return _dtype(self.type)

    @property
    def static(self) -> bool:
        """Whether every dimension is a known number."""
        return self.shape is not None and all(isinstance(d, int) for d in self.shape)

    @property
    def elements(self) -> int | None:
        """How many elements; None when that is not known before running."""
        if self.shape is None:
            return None
        count = 1
        for dim in self.shape:
            if not isinstance(dim, int):
                return None
            count *= dim
        return count

    @property
    def nbytes(self) -> int | None:
        """Size in bytes (sub-byte types packed); None when not known. A string element counts as 32 bytes."""
        count = self.elements
        bits = DTYPE_BITS.get(self.dtype)
        return None if count is None or bits is None else (count * bits + 7) // 8


_DTYPES = {"float": "float32", "double": "float64", "float4e2m1": "float4_e2m1fn", "float8e4m3fn": "float8_e4m3fn"}
_DTYPES |= {"float8e4m3fnuz": "float8_e4m3fnuz", "float8e5m2": "float8_e5m2", "float8e5m2fnuz": "float8_e5m2fnuz"}
_DTYPES |= {"float8e8m0": "float8_e8m0fnu"}


@lru_cache(1024)
def _dtype(kind: str) -> str:
    word = kind[7:-1] if kind.startswith("tensor(") else ""
    return _DTYPES.get(word, word)


#: Bits of one element, by the dtype's numpy or ml_dtypes name.
DTYPE_BITS: Mapping[str, int] = {
    **{"float64": 64, "int64": 64, "uint64": 64, "complex64": 64, "complex128": 128, "string": 256},
    **{"float32": 32, "int32": 32, "uint32": 32, "float16": 16, "bfloat16": 16, "int16": 16, "uint16": 16},
    **{"int8": 8, "uint8": 8, "bool": 8, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4_e2m1fn": 4},
    **{"float8_e4m3fn": 8, "float8_e4m3fnuz": 8, "float8_e5m2": 8, "float8_e5m2fnuz": 8, "float8_e8m0fnu": 8},
}


@frozen
class Watts:
    """What a processor draws while it works, in watts: about so much, at least `low` and at most `high`.

    source: where the figures come from. measured: whether somebody measured them; else they are an estimate.
    """

    watts: float
    low: float
    high: float
    source: str
    measured: bool = False


@frozen
class Rates:
    """What one processor does, for estimating costs. Every figure has its source in `source`; "estimated" is a source.

    macs_per_s: multiply-accumulates per second by precision ("fp32", "fp16", "int16", "int8"); a precision that is
    missing is not offered. bytes_per_s: memory bandwidth. op_us: fixed cost of one unit. launch_us: fixed cost of
    starting one segment. link_bytes_per_s and link_us: moving a tensor between this processor and host memory.
    watts: power while busy, at least watts_low and at most watts_high where these are known, from watts_source.
    measured_watts: what was measured, by performance mode, "" for any other mode; it counts more than `watts`.
    """

    macs_per_s: Mapping[str, float]
    bytes_per_s: float
    op_us: float = 0.0
    launch_us: float = 0.0
    link_bytes_per_s: float = 10e9
    link_us: float = 0.0
    watts: float = 1.0
    source: str = "estimated"
    watts_low: float | None = None
    watts_high: float | None = None
    watts_source: str = ""
    measured_watts: Mapping[str, Watts] = Factory(dict)

    def drawn(self, mode: str = "") -> Watts:
        """What it draws in a performance mode: as measured, else as estimated, between half and twice of that."""
        watts = self.measured_watts.get(mode) or self.measured_watts.get("")
        if watts is not None:
            return watts
        low = self.watts / 2 if self.watts_low is None else self.watts_low
        high = self.watts * 2 if self.watts_high is None else self.watts_high
        source = self.watts_source or "estimated, no power was published"
        if self.watts_low is None or self.watts_high is None:
            source += "; half to twice is assumed"
        return Watts(self.watts, min(low, self.watts), max(high, self.watts), source)


@frozen
class Target:
    """What is planned for: this machine ("host") or a chip.

    `processors` gives rates per processor. `vendor` holds what only its vendor's backends understand, by the vendor's
    name and the figure's; core carries it and reads nothing in it. `sources` says where each figure comes from, a
    vendor's under "vendor.figure". `costs_like` names the chip whose fitted cost coefficients hold here too, scaled by
    the rates; "" for its own only. `machine` says how a machine with this chip is recognised: phrases by the fact of
    `zif.targets.detect` that they are looked for in. `distribution` brought the chip; "" for one from a user's file.
    """

    name: str
    title: str = ""
    aliases: tuple[str, ...] = ()
    vendor: Mapping[str, Mapping[str, Any]] = Factory(dict)
    processors: Mapping[str, Rates] = Factory(dict)
    sources: Mapping[str, str] = Factory(dict)
    costs_like: str = ""
    machine: Mapping[str, tuple[str, ...]] = Factory(dict)
    distribution: str = ""

    @property
    def is_host(self) -> bool:
        """Whether this is the machine that zif runs on, whatever it is."""
        return self.name == "host"


@frozen
class OpClaim:
    """One row of a backend's table: an operator, the opset versions and the element types it is taken in.

    op_type "*" claims every operator of the domain, domain "*" every domain. `types` maps a type-constraint name of the
    operator's schema (such as "T") to ONNX type strings; a constraint that is missing is not restricted.
    `since` and `until` bound the *operator's* own version (the opset that last changed its definition), both included.
    """

    op_type: str
    domain: str = ""
    since: int = 1
    until: int | None = None
    types: Mapping[str, frozenset[str]] = Factory(dict)
    max_rank: int | None = None


@frozen
class Said:
    """What one source said of a unit on one backend; `source` is a name in `zif.verdicts.settle.ORDER`."""

    source: str
    basis: Basis
    supported: bool | None
    code: str
    reason: str


@frozen
class Verdict:
    """What one backend says of one unit.

    supported None means that the backend does not know. `cost_us` is the backend's own estimate in microseconds; None
    leaves it to the cost model. `code` is one of CODES. `overruled` holds who spoke before, from the first to the last:
    core fills it in, with `source`, where another than the backend has the last word; a plugin does where it knows
    better than its engine (that one's `chain`). Verdicts that say the same are equal, whomever they overruled.
    """

    supported: bool | None
    basis: Basis = "declared"
    code: str = field(default="ok", validator=validators.in_(CODES))
    reason: str = ""
    cost_us: float | None = None
    source: str = "backend"
    overruled: tuple[Said, ...] = field(default=(), eq=False)

    @cached_property
    def chain(self) -> tuple[Said, ...]:
        """Everyone whose word held once, from the first to the one that holds."""
        return (*self.overruled, Said(self.source, self.basis, self.supported, self.code, self.reason))


@frozen
class Installed:
    """One entry point of the group `zif.backends`. `problem` is one sentence; "" when nothing is known against it.

    `environment` names the one of `zif env` that it is in; "" for the one that zif itself runs in.
    """

    name: str
    distribution: str
    version: str
    module: str
    problem: str = ""
    environment: str = ""

    @property
    def owner(self) -> str:
        """Who is to blame, as errors name it: "backend 'reference' (zif-reference 0.1.0)"."""
        where = f", environment {self.environment!r}" if self.environment else ""
        return f"backend {self.name!r} ({self.distribution} {self.version}{where})"


@frozen
class NoOptions:
    """The options of a backend that has none."""


def _set(values: Iterable[Any]) -> frozenset[Any]:
    if isinstance(values, str):
        raise ValueError(f"{values!r} is one text, where a set of them belongs")
    return frozenset(values)


def _rows(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(values)


@frozen
class WeightType:
    """The element type that an operator's constant weight has, whatever the precision; `beside`: activations of so many
    bits.
    """

    op_type: str
    dtype: str = field(validator=validators.in_(("int8", "uint8", "int4", "uint4", "int16", "uint16")))
    beside: tuple[int, ...] = field(default=(8, 16), converter=_rows)


@frozen
class FixedRange:
    """The range low … high that an operator's quantized result has, whatever calibration saw, in values of these bits.

    Steps of (high - low) / 2**bits from the least integer on; signed 16 bits, and whatever is symmetric, have zero
    point 0 and steps of max(-low, high) / 2**(bits - 1). Zero lies in the range.
    """

    op_type: str
    low: float = field(validator=validators.le(0.0))
    high: float = field(validator=validators.ge(0.0))
    bits: tuple[int, ...] = field(default=(8, 16), converter=_rows)

    def __attrs_post_init__(self) -> None:
        if self.low == self.high:
            raise ValueError(f"the range of {self.op_type} is empty")


#: Operators that are fused from their parts, and those whose weights may have one scale per channel.
FUSED = frozenset({"LayerNormalization", "Gelu", "LpNormalization"})
CHANNELED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


def _among(known: frozenset[Any]) -> Any:
    return validators.deep_iterable(validators.in_(known))


@frozen
class QuantizationRules:
    """What a backend wants of a quantized model; the defaults suit most.

    The float model before: `fused` operators are put together from their parts. `batch_normalization_as_conv`: what
    cannot be folded becomes a convolution of every channel. `split_clips`: a Clip without zero between its ends becomes
    a Max or Min before a Clip. `matmul_for_gemm`: a Gemm of two computed values becomes a MatMul.

    What is quantized: `float_operators` stay in float, besides those that have no quantized form, and with
    `decades_in_float` what leads up to a logarithm, root or reciprocal. `merged_activations`: a Relu or Clip is left
    out where its encoding cuts off as well. `pads_in_input_encoding`: a Pad's result has the encoding of its input.
    `fixed_ranges` hold whatever calibration saw; no other range is smaller than `least_range`.

    Types of activations and weights, where no recipe of the caller's says otherwise: `signed_activations`,
    `symmetric_activations` (around zero); `unsigned_weights`: a weight with one scale may be unsigned, with a zero
    point. Weights of `per_channel` operators in `per_channel_bits` bits have a scale per output channel.
    `weight_types` of operators hold in every precision. Four bits become eight outside the operators `int4`, above
    `int4_max_rank` dimensions, without `int4_single_values` where each channel is one number, and without
    `int4_scale_with_bias` where a weight beside a bias has one scale. Scales of channels are at least
    `least_channel_scale` of the widest; `equal_bias_steps`: all are wide enough that the largest bias fits in each.
    """

    fused: frozenset[str] = field(default=FUSED, converter=_set, validator=_among(FUSED))
    batch_normalization_as_conv: bool = True
    split_clips: bool = False
    matmul_for_gemm: bool = False
    float_operators: frozenset[str] = field(default=frozenset(), converter=_set)
    decades_in_float: bool = True
    merged_activations: bool = True
    pads_in_input_encoding: bool = False
    fixed_ranges: tuple[FixedRange, ...] = field(default=(), converter=_rows)
    least_range: float = field(default=1e-9, validator=validators.gt(0.0))
    signed_activations: bool = False
    symmetric_activations: bool = False
    unsigned_weights: bool = True
    per_channel: frozenset[str] = field(default=CHANNELED - {"MatMul"}, converter=_set, validator=_among(CHANNELED))
    per_channel_bits: frozenset[int] = field(
        default=frozenset({4, 8}), converter=_set, validator=_among(frozenset({4, 8, 16}))
    )
    weight_types: tuple[WeightType, ...] = field(default=(), converter=_rows)
    int4: frozenset[str] = field(default=CHANNELED, converter=_set)
    int4_max_rank: int | None = None
    int4_single_values: bool = True
    int4_scale_with_bias: bool = True
    least_channel_scale: float = field(default=0.0, validator=[validators.ge(0.0), validators.le(1.0)])
    equal_bias_steps: bool = False


@frozen
class Capabilities:
    """What a backend reports of itself for a target and, when it was given a model, its verdict on every unit.

    available False: `reason` is one sentence that says what is missing and what to do. `toolchain` names the engine and
    its version; artifacts are kept apart by it. `options` is an attrs class, the typed options of convert, compile and
    load; a field's metadata {"help": ...} documents it; {"also": True} marks a form for other tools that
    `zif compile --also NAME` asks for, and "advice" of a field `performance_mode` is what plans say of its modes.
    `isolate` asks core to run the backend in a worker process.
    `power_efficiency` is between 0 and 1 and `rates` (None: the target's own figures) price its units.
    `verdicts` maps a unit's id to its verdict; empty when no model was given. `label` is shown in the place of the
    kind, for an emulator that has to say what it is; "" for the kind itself. `config_sections` are names, besides the
    backend's own, that its section of a configuration file may have. `local_memory_bytes` is the processor's own fast
    memory, beyond which a unit runs in parts; None without one. `artifact_label` is what the files of an artifact for
    this target are called in a bundle; "" for the backend's name and the target's. `exact` holds the options
    under which it computes every operator by itself, as ONNX defines it and in the model's own types, so that it can
    judge other backends; None for a backend that cannot. `quantization` is what it wants of a quantized model; None for
    one that takes what `QuantizationRules()` makes.
    """

    processor: Processor
    kind: Kind = "hardware"
    available: bool = True
    reason: str = ""
    toolchain: str = ""
    ops: tuple[OpClaim, ...] = ()
    max_tensor_bytes: int | None = None
    preferred_precision: str = "fp32"
    power_efficiency: float = 0.5
    rates: Rates | None = None
    options: type[Any] = NoOptions
    isolate: bool = False
    verdicts: Mapping[str, Verdict] = Factory(dict)
    notes: tuple[str, ...] = ()
    label: str = ""
    config_sections: tuple[str, ...] = ()
    local_memory_bytes: int | None = None
    artifact_label: str = ""
    exact: Mapping[str, Any] | None = None
    quantization: QuantizationRules | None = None


@frozen
class Converted:
    """A segment's model in the form that the backend's compiler takes.

    `data` is whatever the plugin's own `compile` wants, and must pickle; `format` names it ("onnx", …).
    """

    format: str
    data: Any
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    notes: tuple[str, ...] = ()


@frozen
class Certificate:
    """Where an artifact comes from; core writes it, and refuses to load an artifact whose certificate does not fit."""

    backend: str
    version: str
    toolchain: str
    target: str
    options: Mapping[str, Any]
    digest: str


@frozen
class Compiled:
    """One compiled segment: files by relative name, each as bytes or as the path of an existing file.

    A path is referred to, not copied, until a bundle is written. `main` names the file that `load` opens. Core fills
    in the `certificate` after `compile` returned, and `custom_ops` before `load`: the libraries of operators that the
    caller named on this machine, for engines that load such. They are never part of an artifact: what a stranger's
    bundle names is not loaded.
    """

    format: str
    files: Mapping[str, bytes | Path]
    main: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    notes: tuple[str, ...] = ()
    certificate: Certificate | None = None
    custom_ops: tuple[Path, ...] = ()


class Executable(Protocol):
    """What `load` returns: a compiled segment that is ready to run.

    `run` takes and gives arrays by tensor name, must leave its inputs untouched, must never write to an array that it
    has already returned, and may be called from several threads. What it gives is held against the plan, and an array
    that it still holds is copied. `close` may be called twice. An attribute `notes`, if
    there is one, holds sentences on how it was loaded, which a session passes on as events.
    """

    def run(self, inputs: Arrays) -> Arrays: ...

    def close(self) -> None: ...


@runtime_checkable
class ExplainsOptions(Protocol):
    """Options that know what of them has no effect: a sentence for each, on a backend of this kind for this target.

    Raises ValueError for an option that cannot be had there.
    """

    def remarks(self, target: Target, kind: Kind, /) -> tuple[str, ...]: ...


@runtime_checkable
class ChoosesPrecision(Protocol):
    """Options that decide what a backend may compute in.

    `precisions` holds words such as "fp16" and "int8", the first the one for floating point if it is such a word; empty
    leaves everything as the backend has it.
    """

    @property
    def precisions(self) -> tuple[str, ...]: ...


@runtime_checkable
class SupportsBinding(Protocol):
    """An executable that can read and write buffers that core owns, so that neighbours share memory without copying.

    `bind` is called once per buffer set with C-contiguous arrays for *some* of the inputs and outputs. It returns a
    callable that takes the remaining inputs, runs, and returns the remaining outputs (freshly allocated); the bound
    outputs have been written in place. A bound callable is used by one thread at a time.
    """

    def bind(self, inputs: Arrays, outputs: Arrays) -> BoundRun: ...


class BoundRun(Protocol):
    """A run over bound buffers; see `SupportsBinding`."""

    def __call__(self, inputs: Arrays) -> Arrays: ...


@runtime_checkable
class SupportsProfile(Protocol):
    """An executable that can say how long its parts took in the last run: microseconds by unit or event name."""

    def profile(self) -> Mapping[str, float]: ...


@runtime_checkable
class SupportsUnitTimes(Protocol):
    """An executable that can time its parts.

    `unit_times` runs `runs` times on these inputs, with instruments that an ordinary run does without, and gives each
    part's median time in microseconds, by the name of the unit or of its output where the part is one; whatever else
    the engine does (reordering data, say) stands under a name of its own. Raises BackendUnavailable where there are no
    times to be had, with a sentence that a profile passes on.
    """

    def unit_times(self, inputs: Arrays, runs: int) -> Mapping[str, float]: ...


@frozen
class EngineOperator:
    """One operator of the graph that an engine made of a segment.

    name and op_type are the engine's own words, op_type "" where it does not tell. units: the units whose ONNX nodes it
    was made of, by id, several where nodes were fused; none for what the compiler added by itself. cycles: as the
    engine counts them, 0 where it ran inside a neighbour, None where nothing was counted. us: its share of the time.
    """

    name: str
    op_type: str = ""
    units: tuple[str, ...] = ()
    cycles: float | None = None
    us: float | None = None


@frozen
class OperatorTrace:
    """The operators of a segment in the order in which the engine tells them. notes: what is not known, and why."""

    operators: tuple[EngineOperator, ...]
    notes: tuple[str, ...] = ()


@runtime_checkable
class SupportsOperators(Protocol):
    """An executable whose engine tells its own operators, and which units each was made of.

    `operators` runs as `SupportsUnitTimes.unit_times` does, and raises what that raises; medians of the runs. Who has
    both is asked for operators first, and for times by unit where there are none.
    """

    def operators(self, inputs: Arrays, runs: int) -> OperatorTrace: ...
