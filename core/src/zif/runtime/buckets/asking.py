"""What was asked for, worked out: the model with open dimensions, its grid, and a planner for each bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from zif.errors import ZifError
from zif.model.arguments import Progress
from zif.runtime.buckets.checking import Findings
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.kept import checked

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.planning.planner import Planner


@frozen(eq=False)
class Asked:
    """A model and the buckets that it is built in. planner: as `zif.runtime.verbs.planner`."""

    model: Model
    grid: Grid
    samples: Sequence[Any] | None
    _planner: Callable[..., Planner]
    _models: dict[Point, Model] = field(factory=dict, init=False)

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

    def own(self, point: Point) -> Sequence[Any] | None:
        """The samples that have a bucket's own shape, to verify it with; None where there is none."""
        import numpy as np

        found = []
        for number in range(len(self.samples or ())):
            one = (self.samples or ())[number]
            sample = one() if callable(one) else one
            if self.grid.point({name: np.shape(value) for name, value in sample.items()}) == point:
                found.append(sample)
        return found or None

    def planner(self, point: Point, target: str, policy: str, wishes: Mapping[str, Any], **more: Any) -> Planner:
        """The planner of one bucket."""
        own = {**wishes, "shapes": self.grid.shapes(point)}
        return self._planner(self.at(point), target, policy, **own, **more)

    def rest(self, target: str, policy: str, wishes: Mapping[str, Any], **more: Any) -> Planner | str:
        """The planner of the real shape, on CPUs alone; why there is none, where the wishes leave nothing for them."""
        own = {name: value for name, value in wishes.items() if name not in ("shapes", "pin", "constraints")}
        try:
            found = self._planner(self.model, target, policy, **own, **more)
            others = _no_cpu(found)
            if others:
                given = own.get("exclude") or ()
                own["exclude"] = (*((given,) if isinstance(given, str) else given), *others)
                found = self._planner(self.model, target, policy, **own, **more)
            found.plan()
        except ZifError as error:
            return str(error)
        return found

    def findings(self, cache: bool, progress: Progress | None) -> Findings:
        """What is found of padding, or was found before."""
        return checked(self.model, self.grid, self.samples, cache, progress)


def _no_cpu(planner: Planner) -> list[str]:
    everyone = planner.participants.by_name
    return [name for name, one in everyone.items() if one.capabilities.processor != "cpu"]
