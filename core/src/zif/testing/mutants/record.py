"""What a mutant is."""

from __future__ import annotations

from attrs import frozen


@frozen
class Mutant:
    """One way to be broken. `caught_by`: the test of the kit that has to fail, as pytest's -k takes it. `flags`: what
    `zif check` is called with besides.
    """

    name: str
    caught_by: str
    source: str
    flags: tuple[str, ...] = ()
