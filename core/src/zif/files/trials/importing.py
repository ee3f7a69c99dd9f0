"""Whether an import was seen to leave its process alive: what is known of it, else it is tried now."""

from __future__ import annotations

from zif.files.trials.content import digest
from zif.files.trials.keeping import Outcome
from zif.files.trials.known import exempt, looked_up, remember


def tried(value: str, then: str = "") -> Outcome:
    """What came of importing this, as an entry point names it ("module:attribute").

    "fine" where it may be done here, with `reason` for what it raised; "broken" where it must not, with how it ended.
    then: Python that is run after the import, with the object as `found`.
    """
    if exempt(value.partition(":")[0]):
        return Outcome("fine")
    content = digest(f"import {value}\0{then}", value)
    known = looked_up(content)
    if known is None:
        from zif.files.trials.trying import outcome

        known = outcome(value, then)
        remember(content, known)
    return known
