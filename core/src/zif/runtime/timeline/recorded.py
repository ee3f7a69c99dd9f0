"""What was recorded, and where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import field, frozen

from zif.backends.timeline import Recorder, Span, recording
from zif.errors import UsageError
from zif.files.writing import refused, write_whole

#: The ending of each form, with what opens it.
ENDINGS = {
    ".pftrace": "Perfetto's own, for ui.perfetto.dev",
    ".json": "Chrome's, for ui.perfetto.dev and chrome://tracing",
}


@frozen(eq=False)
class Timeline:
    """Spans of time, in the order in which they ended."""

    recorder: Recorder = field(factory=Recorder)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Everything so far."""
        return tuple(self.recorder.spans)

    def save(self, path: str | Path) -> Path:
        """Write them: `.pftrace` as Perfetto's own format, which takes its library, `.json` as Chrome's, which takes
        none. Raises UsageError for another ending and where the library is missing, NotWritten where there is no room.
        """
        place = Path(path)
        check_ending(place)
        try:
            write_whole(place, self._content(place))
        except OSError as error:
            raise refused(f"the timeline {place}", error) from error
        return place

    def _content(self, place: Path) -> bytes:
        if place.suffix == ".json":
            from zif.runtime.timeline.chrome import chrome

            return chrome(self.spans)
        from zif.runtime.timeline.pftrace import pftrace

        return pftrace(self.spans)


def check_ending(place: Path) -> None:
    """Raise UsageError for a file in which no timeline can be written here."""
    if place.suffix not in ENDINGS:
        told = ", ".join(f"{ending} ({what})" for ending, what in ENDINGS.items())
        raise UsageError(f"{place}: a timeline ends in one of {told}")
    if place.suffix == ".pftrace":
        from zif.runtime.timeline.pftrace import library

        library()


@contextmanager
def traced(only: int = 0) -> Iterator[Timeline]:
    """Within it, spans are recorded: of one session, by its number, or with 0 of everything in this process.

    Where OpenTelemetry's API is installed and the host uses it, each is one of its spans, too.
    """
    timeline = Timeline(Recorder(only))
    with suppress(ImportError):
        from zif.runtime.timeline.telemetry import exported

        timeline.recorder.also = exported(timeline.recorder)
    with recording(timeline.recorder):
        yield timeline
