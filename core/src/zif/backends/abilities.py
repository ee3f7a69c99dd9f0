"""What an executable may offer besides `run`, kept by whatever stands in front of it.

Who uses an executable asks with isinstance (`SupportsBinding`, `SupportsProfile` and the like), which looks for
methods: so a wrapper gets a class with just the abilities of what it wraps, each added by a small class of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from zif.errors import BackendBroken
from zif.records import Arrays, Executable, SupportsBinding, SupportsOperators, SupportsProfile, SupportsUnitTimes

K = TypeVar("K")

#: The protocols of the optional abilities.
ABILITIES: tuple[type, ...] = (SupportsBinding, SupportsProfile, SupportsUnitTimes, SupportsOperators)


def abilities(executable: Executable) -> frozenset[type]:
    """Which of these protocols an executable satisfies."""
    return frozenset(protocol for protocol in ABILITIES if isinstance(executable, protocol))


def offering(plain: type[K], extensions: Mapping[type, type], offered: frozenset[type]) -> type[K]:
    """The wrapper `plain` with those of its extensions (a class by protocol) that are offered."""
    return _joined((*(extension for protocol, extension in extensions.items() if protocol in offered), plain))


@cache
def _joined(kinds: tuple[type, ...]) -> type[Any]:
    return type(kinds[-1].__name__, kinds, {"__doc__": kinds[-1].__doc__}) if len(kinds) > 1 else kinds[0]


def landed(made: Arrays, outputs: Arrays, backend: str) -> dict[str, Any]:
    """What a run over bound buffers hands back: the rest of `made`, the bound outputs being in their buffers.

    Those that were made elsewhere are copied there. Raises BackendBroken when one is missing or does not fit.
    """
    for name, buffer in outputs.items():
        value = made.get(name)
        if value is not buffer:
            _copy(name, value, buffer, backend)
    return {name: value for name, value in made.items() if name not in outputs}


def _copy(name: str, value: Any, buffer: Any, backend: str) -> None:
    import numpy as np

    have = _form(value) if isinstance(value, np.ndarray) else "nothing" if value is None else type(value).__name__
    if have != _form(buffer):
        raise BackendBroken(f"backend {backend!r} gave {have} for output {name!r}: the model says {_form(buffer)}")
    np.copyto(buffer, value)


def _form(array: Any) -> str:
    return f"{array.dtype} {list(array.shape)}"
