"""Samples held against the model: what it cannot take, and what it fails on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from zif import InvalidInput
from zif.plugin import Labelled

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Sample


class Checked(Sequence["Sample"]):
    """The samples as the model takes them, each checked whenever it is read.

    Reading one raises InvalidInput that names where it comes from when it does not fit the model, or holds NaN or
    infinity.
    """

    def __init__(self, model: Model, samples: Sequence[Sample]) -> None:
        from zif.plugin import Admission

        self._samples, self._admission = samples, Admission(model.inputs, model.optional_inputs)

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, place: int) -> Sample: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Sample]: ...

    def __getitem__(self, place: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        return checked(self._admission, self._samples[place], self.label(place))

    def label(self, place: int) -> str:
        """Where a sample comes from."""
        return label(self._samples, place)


def label(samples: Any, place: int) -> str:
    """Where a sample comes from: what its sequence says, or its number."""
    return samples.label(place) if isinstance(samples, Labelled) else f"calibration sample {place + 1}"


def checked(admission: Any, sample: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """A sample as the model takes it. Raises InvalidInput naming where it comes from."""
    try:
        values: Mapping[str, Any] = admission.admit(sample)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None
    for name, value in values.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
            place = tuple(int(at[0]) for at in np.nonzero(~np.isfinite(value)))
            raise InvalidInput(f"{where}: input {name!r} holds {value[place]} at {list(place)}: ranges need numbers")
    return values


def unfit(where: str, error: Exception) -> InvalidInput:
    """What to raise when the float model fails on a sample that fits it in type and shape."""
    return InvalidInput(f"{where}: the float model fails on it: {error}. Correct the sample, or leave it out.")
