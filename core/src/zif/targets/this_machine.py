"""Whether this machine is the chip that is meant, and what a processor of it is called in a plan for another chip."""

from __future__ import annotations

from zif.records import Capabilities, Target
from zif.targets.catalogue import host

#: What stands in the place of "hardware" where a CPU runs units for a chip whose CPU is another one.
HOST_CPU = "host's CPU"


def is_here(target: Target) -> bool:
    """Whether the target is this machine: "host", or the chip that this machine was recognised as."""
    if target.is_host:
        return True
    here = host()
    return bool(here.vendor) and here.vendor == target.vendor


def label_of(known: Capabilities, target: Target) -> str:
    """What is shown for the kind of a backend: its own label, or that its CPU is not the chip's; "" for the kind."""
    if known.label or known.processor != "cpu" or known.kind != "hardware" or is_here(target):
        return known.label
    return HOST_CPU
