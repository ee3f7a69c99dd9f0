"""What a device measured, kept for plans for its chip, under the backends that would run there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif import UsageError
from zif.plugin import keep_times

if TYPE_CHECKING:
    from zif import Model

    from zif_qnn_runtime.aihub.units import Attribution


def keep_groups(model: Model, target: str, groups: Attribution) -> tuple[str, ...]:
    """Keep each processor's times under the backend of that processor which takes part; gives these backends.

    Raises UsageError where they cannot be written.
    """
    import zif

    backends = {
        candidate.processor: candidate.name
        for candidate in reversed(zif.plan(model, target).candidates)
        if candidate.takes_part
    }
    kept = []
    for group in groups.groups:
        name = backends.get(group.processor)
        if name is not None:
            try:
                keep_times(model, zif.target(target).name, name, group.us, group.parts)
            except OSError as error:
                raise UsageError(f"the times cannot be kept: {error}: ZIF_DATA=FOLDER names another place") from error
            kept.append(name)
    return tuple(kept)
