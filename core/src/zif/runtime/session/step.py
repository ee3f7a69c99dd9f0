"""One segment of a session, ready to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

from zif.backends.blame import let_go
from zif.errors import InvalidBundle, StageFailed, ZifError
from zif.records import Executable

if TYPE_CHECKING:
    from zif.model.proof import Proof
    from zif.planning import Segment


_BROKEN = StageFailed.exit_code
AGAIN = "Build it again with `zif compile`; where that gives the same, tell the backend's author."


@frozen(eq=False)
class Step:
    """One segment, ready to run. `inputs` and `outputs` are tensor names.

    proof: its outputs as they follow from its operators, whatever the file declares; None where that cannot be told.
    foreign: whether it is from another's bundle, whose documents need not go together with its artifacts. bundled:
    whether it is from a bundle at all, so that building it again tells a backend's mistake from the bundle's.
    """

    segment: Segment
    executable: Executable
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    proof: Proof | None = None
    foreign: Callable[[], bool] = lambda: False
    bundled: bool = False

    @property
    def who(self) -> str:
        """The segment and its backend, with the distribution, as errors name them."""
        from zif.backends.registry import owner

        return f"segment {self.segment.id}: {owner(self.segment.backend)}"

    def judged(self, fault: ZifError) -> ZifError:
        """The same, unless it says that something is broken and the bundle is another's: then that is what is broken.

        An artifact that a backend did not make can make it fail in any way.
        """
        if fault.exit_code != _BROKEN or not self.foreign():
            return fault
        return InvalidBundle(f"{fault}. The bundle was made by somebody else, and may not be whole. {AGAIN}")

    def close(self) -> str:
        """Close the executable. What its backend failed with in doing so, as a sentence; "" when all went well."""
        return let_go(self.executable, self.who)
