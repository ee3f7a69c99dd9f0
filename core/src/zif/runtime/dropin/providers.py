"""ONNX Runtime's execution providers as constraints on zif's backends.

`CPUExecutionProvider` is every backend that computes on the CPU, and always takes part, as there.
`XyzExecutionProvider` is every other backend whose name begins with "xyz" (before the first "_"), and a backend's own
name is that backend.
"""

from __future__ import annotations

import collections.abc
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import fields_dict, frozen

from zif.backends.registry import backend, installed
from zif.errors import ZifError
from zif.runtime.dropin.onnxruntime_module import real
from zif.targets import target as find

if TYPE_CHECKING:
    from zif.records import Capabilities

CPU = "CPUExecutionProvider"
_SUFFIX = "ExecutionProvider"


@frozen
class Offer:
    """One backend that can take part: its name, what it computes on, and the names of its options with defaults."""

    backend: str
    cpu: bool
    options: Mapping[str, Any]

    @property
    def provider(self) -> str:
        """What ONNX Runtime would call it."""
        return CPU if self.cpu else _spelt(self.backend.partition("_")[0])

    def meant(self, name: str) -> bool:
        """Whether a provider of this name is this backend."""
        return name in (self.backend, self.provider) or name.lower() == self.provider.lower()


@lru_cache(maxsize=16)
def offers(target: str) -> tuple[Offer, ...]:
    """The backends that are available for a target, in the order of their names."""
    available = []
    for row in installed():
        known = _known(row.name, target) if not row.problem else None
        if known is not None and known.available and not (target == "host" and known.kind == "emulator"):
            options = {name: value.default for name, value in fields_dict(known.options).items()}
            available.append(Offer(row.name, known.processor == "cpu", options))
    return tuple(available)


def _known(name: str, target: str) -> Capabilities | None:
    try:
        return backend(name).capabilities(find(target))
    except ZifError:  # a plan says what is wrong with it
        return None


def available(target: str) -> list[str]:
    """The providers that backends offer, the CPU last."""
    names = dict.fromkeys(offer.provider for offer in offers(target) if not offer.cpu)
    return [*names, CPU]


def known(name: str) -> bool:
    """Whether ONNX Runtime or zif has a provider of this name."""
    return name == CPU or name in _theirs() or any(offer.meant(name) for offer in offers("host"))


@lru_cache(maxsize=1)
def _theirs() -> tuple[str, ...]:
    """The names that ONNX Runtime has, where it is installed."""
    module = real()
    return tuple(module.get_all_providers()) if module is not None else ()


def all_providers() -> list[str]:
    """Every name that ONNX Runtime knows, the CPU last."""
    return [*(name for name in _theirs() if name != CPU), CPU]


def _spelt(word: str) -> str:
    """The provider's name with ONNX Runtime's capitals, where it has one."""
    plain = f"{word}{_SUFFIX}".lower()
    return next((name for name in _theirs() if name.lower() == plain), f"{word.capitalize()}{_SUFFIX}")


def normalized(
    providers: Any, provider_options: Any, available_names: Sequence[str]
) -> tuple[list[str], list[dict[str, str]]]:
    """`providers` and `provider_options` as names and texts. Raises ValueError for what is neither.

    Warns of a name that is given twice, and of one that is not available.
    """
    if providers is None:
        return [], []
    if not isinstance(providers, collections.abc.Sequence):
        raise ValueError("'providers' should be a sequence.")
    made: dict[str, dict[str, str]] = {}
    for name, options in _pairs(providers, provider_options):
        if name not in available_names:
            listed = ", ".join(available_names)
            warnings.warn(
                f"Specified provider '{name}' is not in available provider names. Available providers: '{listed}'",
                stacklevel=4,
            )
        if name in made:
            warnings.warn(f"Duplicate provider '{name}' encountered, ignoring.", stacklevel=4)
            continue
        made[name] = {str(key): str(value) for key, value in options.items()}
    return list(made), list(made.values())


def _pairs(providers: Sequence[Any], options: Any) -> list[tuple[str, Mapping[Any, Any]]]:
    if options is None:
        return [_pair(provider) for provider in providers]
    if not isinstance(options, collections.abc.Sequence):
        raise ValueError("'provider_options' should be a sequence.")
    if len(providers) != len(options):
        raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
    if not all(isinstance(provider, str) for provider in providers):
        raise ValueError("Only string values for 'providers' are supported if 'provider_options' is given.")
    if not all(isinstance(option, dict) for option in options):
        raise ValueError("'provider_options' values must be dicts.")
    return list(zip(providers, options, strict=True))


def _pair(provider: Any) -> tuple[str, Mapping[Any, Any]]:
    if isinstance(provider, str):
        return provider, {}
    if (
        isinstance(provider, tuple)
        and len(provider) == 2
        and isinstance(provider[0], str)
        and isinstance(provider[1], dict)
    ):
        return provider[0], provider[1]
    raise ValueError("'providers' values must be either strings or (string, dict) tuples.")
