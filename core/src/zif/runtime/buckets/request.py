"""What was asked for, worked out: the model with open dimensions, its grid, and a planner for each bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from zif.errors import ZifError
from zif.model.arguments import Progress
from zif.runtime.buckets.checking import Finding, Findings
from zif.runtime.buckets.findings_cache import checked, known
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.masking import guarding
from zif.runtime.buckets.masking.rewrite import masked
from zif.runtime.buckets.masking.spans import Spans, spans
from zif.runtime.buckets.padding import filled, first
from zif.runtime.verification.samples import made_samples

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.planning.planner import Planner


@frozen(eq=False)
class Asked:
    """A model and the buckets that it is built in. planner: as `zif.runtime.planners.planner`."""

    model: Model
    grid: Grid
    samples: Sequence[Any] | None
    _planner: Callable[..., Planner]
    _models: dict[Point, Model] = field(factory=dict, init=False)
    _masked: dict[Point, Model] = field(factory=dict, init=False)
    _spans: list[Spans] = field(factory=list, init=False)

    @classmethod
    def of(
        cls,
        source: Source,
        planner: Callable[..., Planner],
        shapes: Mapping[str, Any] | None,
        buckets: Any = None,
        samples: Sequence[Any] | None = None,
        custom_ops: Any = (),
        progress: Progress | None = None,
    ) -> Asked:
        """Raises UsageError for sizes that are none of the model's, and what reading a model raises."""
        from zif.model import Model
        from zif.runtime.frontends.verb import as_onnx

        model = source if isinstance(source, Model) else Model.load(as_onnx(source, {}, progress), None, custom_ops)
        return cls(model, Grid.of(model, shapes or {}, buckets, samples), samples, planner)

    def at(self, point: Point) -> Model:
        """The model with the shapes of a bucket."""
        if point not in self._models:
            self._models[point] = self.model.load(self.model, self.grid.shapes(point))
        return self._models[point]

    def built(self, point: Point, finding: Finding) -> Model:
        """The model of a bucket as it is built: with masks, where it is padded with such."""
        if not finding.guards:
            return self.at(point)
        if point not in self._masked:
            self._masked[point], _ = masked(self.at(point), self.spans(), finding.padding == "zero")
        return self._masked[point]

    def spans(self) -> Spans:
        """How the model's values grow with its inputs. Raises ZifError where that cannot be inferred."""
        if not self._spans:
            self._spans.append(spans(self.model, self.grid))
        return self._spans[0]

    def own(self, point: Point, finding: Finding) -> Sequence[Any] | None:
        """The samples to verify a bucket with: those of its own shape; where it has masks, also those that are filled
        up to it, and where there is none, made ones of its size and of half of it. None for values made from seeds.
        """
        own_samples = [sample for sizes, sample in self._sized() if sizes == point]
        if not finding.guards:
            return own_samples or None
        full = self.grid.shapes(point)
        if not own_samples:
            own_samples = [sample for sizes, sample in self._sized() if _fits(sizes, point)]
        if not own_samples:
            halves = self.grid.shapes(tuple(-(-size // 2) for size in point))
            own_samples = [
                made if number == 0 else first(made, halves) for number, made in enumerate(self._made(point))
            ]
        return [self._ready(sample, full, finding) for sample in own_samples]

    def _sized(self) -> Iterator[tuple[Point, Any]]:
        """The samples that a bucket could take, each with its sizes."""
        for number in range(len(self.samples or ())):
            source = (self.samples or ())[number]
            sample = source() if callable(source) else source
            sizes = self.grid.point({name: np.shape(value) for name, value in sample.items()})
            if sizes is not None:
                yield sizes, sample

    def _made(self, point: Point) -> Sequence[Any]:
        return made_samples(self.at(point))

    def _ready(self, sample: Mapping[str, Any], full: Mapping[str, tuple[int, ...]], finding: Finding) -> Any:
        sizes = self.grid.point({name: np.shape(value) for name, value in sample.items()})
        assert sizes is not None  # it was made or chosen for this grid
        ready = {n: filled(value, full[n], finding.padding) if n in full else value for n, value in sample.items()}
        return ready | guarding(finding.guards, sizes)

    def planner(
        self,
        point: Point,
        target: str,
        policy: str,
        wishes: Mapping[str, Any],
        finding: Finding | None = None,
        **more: Any,
    ) -> Planner:
        """The planner of one bucket; without what was found of it, as the model is."""
        own = {**wishes, "shapes": self.grid.shapes(point)}
        model = self.at(point) if finding is None else self.built(point, finding)
        return self._planner(model, target, policy, **own, **more)

    def rest(self, target: str, policy: str, wishes: Mapping[str, Any], **more: Any) -> Planner | str:
        """The planner of the real shape, on CPUs alone; why there is none, where the wishes leave nothing for them."""
        own = {name: value for name, value in wishes.items() if name not in ("shapes", "pin", "constraints")}
        try:
            planner = self._planner(self.model, target, policy, **own, **more)
            others = _no_cpu(planner)
            if others:
                excluded = own.get("exclude") or ()
                own["exclude"] = (*((excluded,) if isinstance(excluded, str) else excluded), *others)
                planner = self._planner(self.model, target, policy, **own, **more)
            planner.plan()
        except ZifError as error:
            return str(error)
        return planner

    def findings(self, cache: bool, progress: Progress | None) -> Findings:
        """What is found of padding, or was found before."""
        return checked(self.model, self.grid, self.samples, cache, progress, self.spans)

    def known(self) -> Findings | None:
        """What was found of padding before; None where nobody has tried it."""
        return known(self.model, self.grid, self.samples)


def _fits(sizes: Point, point: Point) -> bool:
    return all(size <= most for size, most in zip(sizes, point, strict=True))


def _no_cpu(planner: Planner) -> list[str]:
    everyone = planner.participants.by_name
    return [name for name, answer in everyone.items() if answer.capabilities.processor != "cpu"]
