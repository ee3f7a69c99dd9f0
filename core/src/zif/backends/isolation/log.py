"""What a worker writes to stdout and stderr: kept in a bounded file, so that a crash cannot take it along."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile

_KEEP = 64 << 10
_LIMIT = 1 << 20


class Log:
    """The last lines that a process wrote. `fileno()` is what to hand it as stdout and stderr."""

    def __init__(self) -> None:
        self._last = b""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        if sys.platform != "win32":
            import fcntl

            # Appending lets us cut the file while the other side writes.
            flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
            fcntl.fcntl(self._file, fcntl.F_SETFL, flags | os.O_APPEND)

    def fileno(self) -> int:
        return self._file.fileno()

    def tail(self, lines: int = 60) -> str:
        """The last lines; "" when nothing was written."""
        end = self._last if self._file.closed else self._end()
        return "\n".join(end.decode(errors="replace").splitlines()[-lines:])

    def trim(self) -> None:
        """Cut the file to its end when it has grown large."""
        if sys.platform == "win32" or os.fstat(self.fileno()).st_size < _LIMIT:
            return
        end = self._end()
        with contextlib.suppress(OSError):
            os.ftruncate(self.fileno(), 0)
            os.write(self.fileno(), end)

    def close(self) -> None:
        """Keep only the last lines."""
        if not self._file.closed:
            self._last = self._end()
            self._file.close()

    def _end(self) -> bytes:
        size = os.fstat(self.fileno()).st_size
        start = max(0, size - _KEEP)
        if sys.platform == "win32":
            self._file.seek(start)
            return self._file.read()
        return os.pread(self.fileno(), size - start, start)
