"""One segment of a session, ready to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from zif.records import Executable

if TYPE_CHECKING:
    from zif.planning import Segment


@frozen(eq=False)
class Step:
    """One segment, ready to run. `inputs` and `outputs` are tensor names."""

    segment: Segment
    executable: Executable
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
