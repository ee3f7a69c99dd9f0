"""Arrays that a caller hands over to be written: checked before anything runs, each complaint with its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from zif.errors import InvalidInput
from zif.files.wording import did_you_mean
from zif.records import TensorInfo
from zif.runtime.session.fit import dtype_of, fits, had, same_dtype, wanted


def check_outputs(outputs: Mapping[str, Any], infos: Iterable[TensorInfo], inputs: Mapping[str, Any]) -> None:
    """Raise InvalidInput unless each is an array that this output can be written into.

    It must be a numpy array of the output's dtype and fixed dimensions, C-contiguous, writable, and share no memory
    with an input or another output.
    """
    if not isinstance(outputs, Mapping):
        raise InvalidInput(f"outputs must be a mapping of name to array, not {type(outputs).__name__}")
    known = {info.name: info for info in infos}
    for name, array in outputs.items():
        if name not in known:
            hint = did_you_mean(str(name), known)
            raise InvalidInput(f"the model has no output {name!r}.{hint} It gives {', '.join(map(repr, known))}.")
        _check(known[name], array)
    arrays = [(f"output {name!r}", array) for name, array in outputs.items()]
    arrays += [(f"input {name!r}", array) for name, array in inputs.items() if isinstance(array, np.ndarray)]
    for at, (name, array) in enumerate(arrays[: len(outputs)]):
        for other, second in arrays[at + 1 :]:
            if np.may_share_memory(array, second):
                raise InvalidInput(f"the array for {name} shares memory with that for {other}: give it one of its own")


def _check(info: TensorInfo, array: Any) -> None:
    what, dtype = f"the array for output {info.name!r}", dtype_of(info)
    if not isinstance(array, np.ndarray) or dtype is None:
        raise InvalidInput(f"{what} is {had(array)}: it must be a numpy array, and the output is {wanted(info)}")
    if not same_dtype(array.dtype, dtype) or not fits(array.shape, info.shape, {}):
        raise InvalidInput(f"{what} is {had(array)}: the output is {wanted(info)}")
    if not array.flags.c_contiguous:
        raise InvalidInput(f"{what} is not C-contiguous: give np.ascontiguousarray(...) of it")
    if not array.flags.writeable:
        raise InvalidInput(f"{what} is read-only")


def handed_over(made: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs, those written into the caller's arrays for which there are some.

    Raises InvalidInput for an array of another shape than the output had in this run.
    """
    for name, array in outputs.items():
        value = made[name]
        if value.shape != array.shape:
            raise InvalidInput(
                f"the array for output {name!r} has shape {list(array.shape)}, and this run made {list(value.shape)}"
            )
    for name, array in outputs.items():
        np.copyto(array, made[name])
    return {**made, **outputs}
