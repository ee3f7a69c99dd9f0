"""BackendSelector: what each backend can do, held against a model's operators and tensor sizes, as explained scores.

The terms and their weights are those of the tutorial (docs/tutorial.md): operators 30, largest tensor 25, power
efficiency × 25 when power is critical, and 20 for the fastest when performance is critical.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, validators

from zif.errors import Unsupported, UsageError
from zif.files.wording import listed, size
from zif.planning.constraints import Constraints
from zif.planning.plan import Score
from zif.records import Capabilities, OpClaim, Rates, Target

if TYPE_CHECKING:
    from zif.model import Model

OPS, SIZE, POWER, PERFORMANCE = 30.0, 25.0, 25.0, 20.0

#: Bits of one number in each precision; the narrower, the faster, where nothing better is known.
PRECISION_BITS = {"int4": 4, "int8": 8, "int16": 16, "fp16": 16, "bf16": 16, "fp32": 32, "fp64": 64}

#: Names that other frameworks give to ONNX operators; lower case.
_SYNONYMS = {"conv2d": "conv", "dense": "gemm", "fullyconnected": "gemm", "batchnorm": "batchnormalization"}


def _texts(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@frozen
class ModelSummary:
    """What the score needs of a model: its operators, the size of its largest tensor in bytes, its precision."""

    operations: tuple[str, ...] = field(converter=_texts)
    max_tensor_bytes: int = field(default=0, validator=validators.ge(0))
    precision: str = "fp32"

    @classmethod
    def of(cls, model: Model) -> ModelSummary:
        """The summary of a loaded model. Tensors of unknown size do not count."""
        sizes = [info.nbytes or 0 for info in model.tensors.values()]
        macs: dict[str, int] = {}
        for unit in model.units:
            macs[unit.precision] = macs.get(unit.precision, 0) + unit.macs
        precision = max(macs, key=lambda name: macs[name], default="fp32")
        return cls(tuple(dict.fromkeys(unit.op_type for unit in model.units)), max(sizes, default=0), precision)


class BackendSelector:
    """Scores backends for a model. `capabilities` maps names to Capabilities, or to rows as the tutorial writes them.

    Without `capabilities` every installed and available backend is asked when it is needed.
    """

    def __init__(
        self, capabilities: Mapping[str, Capabilities | Mapping[str, Any]] | None = None, target: Target | str = "host"
    ) -> None:
        self._target = target
        answers = capabilities if capabilities is not None else _ask_installed(target)
        self.capabilities = {name: _capabilities(name, row) for name, row in answers.items()}

    def scores(
        self,
        model: Model | ModelSummary | Mapping[str, Any],
        constraints: Constraints | Mapping[str, Any] | None = None,
        bans: Mapping[tuple[str, str], str] | None = None,
    ) -> dict[str, Score]:
        """Every backend's score, best first. `bans` names (unit, backend) pairs that building has ruled out."""
        wishes = Constraints.parse(constraints)
        summary = _summary(model)
        unsorted = {
            name: self._score(name, capability, model, summary, wishes, bans or {})
            for name, capability in self.capabilities.items()
        }
        return dict(sorted(unsorted.items(), key=lambda item: -item[1].total))

    def select(
        self,
        model: Model | ModelSummary | Mapping[str, Any],
        constraints: Constraints | Mapping[str, Any] | None = None,
    ) -> str:
        """The name of the backend with the highest score; the first of equals. Raises Unsupported without backends."""
        scores = self.scores(model, constraints)
        if not scores:
            raise Unsupported("no backend to choose from; `zif backends` shows who is installed and why not")
        return next(iter(scores))

    #: The tutorial's name for it.
    select_optimal_backend = select

    def _score(
        self,
        name: str,
        capabilities: Capabilities,
        model: Model | ModelSummary | Mapping[str, Any],
        summary: ModelSummary,
        wishes: Constraints,
        bans: Mapping[tuple[str, str], str],
    ) -> Score:
        terms: dict[str, float] = {}
        reasons: dict[str, str] = {}
        missing = _missing(name, capabilities, model, summary, bans)
        terms["ops"] = 0.0 if missing else OPS
        few = listed(missing, 5, " and {} more")
        reasons["ops"] = f"does not take {few}" if missing else "takes every operator"
        fits = capabilities.max_tensor_bytes is None or summary.max_tensor_bytes <= capabilities.max_tensor_bytes
        terms["tensor_size"] = SIZE if fits else 0.0
        reasons["tensor_size"] = f"largest tensor {size(summary.max_tensor_bytes)}, takes {_limit(capabilities)}"
        if wishes.power_critical:
            terms["power"] = capabilities.power_efficiency * POWER
            reasons["power"] = f"power efficiency {capabilities.power_efficiency:g} × {POWER:g}"
        if wishes.performance_critical:
            fastest = self._fastest(summary.precision)
            terms["performance"] = PERFORMANCE if name == fastest else 0.0
            reasons["performance"] = "the fastest rate here" if name == fastest else f"{fastest} is faster"
        return Score(sum(terms.values()), terms, reasons)

    def _fastest(self, precision: str) -> str:
        rates = {name: _rate(capability, precision, self._target) for name, capability in self.capabilities.items()}
        return max(rates, key=lambda name: rates[name])


def _summary(model: Model | ModelSummary | Mapping[str, Any]) -> ModelSummary:
    if isinstance(model, ModelSummary):
        return model
    if isinstance(model, Mapping):
        known = {"operations", "max_tensor_size", "max_tensor_bytes", "precision"}
        for key in model:
            if key not in known:
                raise UsageError(f"model_info has no {key!r}; known: {', '.join(sorted(known))}")
        size = model.get("max_tensor_bytes", model.get("max_tensor_size", 0))
        return ModelSummary(model.get("operations", ()), size, model.get("precision", "fp32"))
    return ModelSummary.of(model)


def _capabilities(name: str, row: Capabilities | Mapping[str, Any]) -> Capabilities:
    """A row of the tutorial's table as a record: `supported_ops`, `max_tensor_size`, `preferred_precision`, …"""
    if isinstance(row, Capabilities):
        return row
    known = {"supported_ops", "max_tensor_size", "preferred_precision", "power_efficiency"}
    for key in row:
        if key not in known:
            raise UsageError(f"capabilities of {name!r} have no {key!r}; known: {', '.join(sorted(known))}")
    return Capabilities(
        processor="cpu",
        ops=tuple(OpClaim(op) for op in row.get("supported_ops", ())),
        max_tensor_bytes=row.get("max_tensor_size"),
        preferred_precision=row.get("preferred_precision", "fp32"),
        power_efficiency=row.get("power_efficiency", 0.0),
    )


def _missing(
    name: str,
    capabilities: Capabilities,
    model: Model | ModelSummary | Mapping[str, Any],
    summary: ModelSummary,
    bans: Mapping[tuple[str, str], str],
) -> list[str]:
    """The operators that the backend does not take: by its verdicts where it gave some, else by its table."""
    if capabilities.verdicts and not isinstance(model, (ModelSummary, Mapping)):
        refused = (u for u in model.units if not _takes(capabilities, u.id) or (u.id, name) in bans)
        return list(dict.fromkeys(unit.op_type for unit in refused))
    claimed = {_canonical(claim.op_type) for claim in capabilities.ops}
    return [op for op in summary.operations if "*" not in claimed and _canonical(op) not in claimed]


def _takes(capabilities: Capabilities, unit: str) -> bool:
    verdict = capabilities.verdicts.get(unit)
    return verdict is not None and verdict.supported is True


def _canonical(op: str) -> str:
    return _SYNONYMS.get(op.lower(), op.lower())


def _rate(capabilities: Capabilities, precision: str, target: Target | str) -> float:
    """MAC/s at the model's precision; without rates, relative to each other by the width of the preferred precision."""
    rates = capabilities.rates or _target_rates(capabilities, target)
    if rates is None or not rates.macs_per_s:
        return 1.0 / PRECISION_BITS.get(capabilities.preferred_precision, 32)
    usable = rates.macs_per_s.get(precision)
    return usable if usable is not None else min(rates.macs_per_s.values())


def _target_rates(capabilities: Capabilities, target: Target | str) -> Rates | None:
    return None if isinstance(target, str) else target.processors.get(capabilities.processor)


def _limit(capabilities: Capabilities) -> str:
    return "any size" if capabilities.max_tensor_bytes is None else f"up to {size(capabilities.max_tensor_bytes)}"


def _ask_installed(target: Target | str) -> dict[str, Capabilities]:
    from zif.backends.registry import backend, installed
    from zif.errors import ZifError
    from zif.targets import target as find

    chip = find(target) if isinstance(target, str) else target
    answers = {}
    for name in sorted({row.name for row in installed()}):
        try:
            answer = backend(name).capabilities(chip)
        except ZifError:
            continue  # `zif backends` shows it with its reason
        if answer.available:
            answers[name] = answer
    return answers
