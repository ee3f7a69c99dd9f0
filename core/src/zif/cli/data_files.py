"""What is wrong with the data files that distributions bring, for the commands that tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.targets import Problem


def data_problems() -> list[Problem]:
    """What is wrong with the files of chips, of their costs and of names; empty when everything could be read."""
    from zif.model.encodings import formats
    from zif.planning.costs import coefficients
    from zif.targets import problems

    return [*problems(), *coefficients.problems(), *formats.problems()]
