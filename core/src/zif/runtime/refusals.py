"""What a verb says no to before it does anything: arguments that there are not, or that do not go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zif.errors import UsageError
from zif.planning.segment import POLICIES
from zif.runtime.sources import is_bundle

if TYPE_CHECKING:
    from zif.model.arguments import Source

#: What shapes a plan among the arguments of `load`, which declares and explains them; the others shape the session.
WISHES = ("shapes", "pin", "only", "exclude", "strict", "emulate", "config", "constraints", "isolate", "custom_ops")


def refuse_start(start: str) -> None:
    """Raise UsageError for a way to start that there is not."""
    if start not in ("", "cpu"):
        raise UsageError(f"start={start!r}: must be 'cpu', or be left out")


def check_verify(verify: str) -> None:
    """Raise UsageError for a way to verify that there is not."""
    if verify not in ("off", "first", "outputs", "units"):
        raise UsageError(f"verify={verify!r}: must be off, first, outputs or units")


def check_policy(policy: str) -> None:
    """Raise UsageError for a policy that there is not."""
    if policy not in POLICIES:
        raise UsageError(f"unknown policy {policy!r}; known: {', '.join(POLICIES)}")


def check_trusted(source: Source, trusted_only: bool) -> None:
    """Raise UsageError for a model of which its maker is asked. A bundle's is seen when it is opened."""
    if trusted_only and not is_bundle(source):
        raise UsageError(
            "trusted-only and trusted-key are for bundles, which carry a seal or signature; a model carries none"
        )


def refuse_judging(verify: str) -> None:
    """Raise UsageError for a way to verify that needs the model, which a bundle has not."""
    if verify not in ("off", "first"):
        raise UsageError("a bundle has no model to be held against: `zif verify MODEL --bundle BUNDLE` does it")


def refuse_wishes(**wishes: Any) -> None:
    """Raise UsageError for wishes that shape a plan: a bundle's is made, with one artifact for each segment."""
    refused = [name for name, value in wishes.items() if value and value not in ("fail", "balanced")]
    if refused:
        raise UsageError(
            f"a bundle is planned and built already: give {', '.join(map(repr, refused))} when you compile it"
        )


def refuse_unknown(wishes: Mapping[str, Any]) -> None:
    """Raise TypeError, as Python does, for an argument that nobody takes."""
    unknown = [name for name in wishes if name not in WISHES]
    if unknown:
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; what shapes a plan is {', '.join(WISHES)}")
