"""The table of a sweep: read, appended to while it grows, and written whole once it is done.

While a sweep runs its rows are appended to a file of JSON lines, one write each, so that whatever ends the process
leaves whole lines but perhaps the last, which is done anew. A table in Parquet has that file beside it until the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path

from zif import InvalidInput, UsageError, ZifError
from zif.plugin import TEXT, json_text, parse_json, parse_record, read_bytes, refused, write_whole

from zif_sweep.rows import SCHEMA, Row

#: The rows by model, target, precision and stage.
Rows = Mapping[tuple[str, str, str, str], Row]


def read_rows(path: str | Path) -> dict[tuple[str, str, str, str], Row]:
    """The rows of a table, the newest of each place. Raises UsageError for what is no table of a sweep."""
    path = Path(path)
    if path.suffix == ".parquet":
        from zif_sweep.parquet import read

        return {row.place: row for row in read(path)}
    return {row.place: row for row in _lines(path)}


class Journal:
    """The rows so far, and the file that the next ones are appended to."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self._path = output if output.suffix == ".jsonl" else output.with_name(f"{output.name}.jsonl")
        self.rows: dict[tuple[str, str, str, str], Row] = {}
        if output.suffix == ".parquet" and output.exists():
            self.rows = read_rows(output)
        if self._path.exists():
            self.rows |= {row.place: row for row in _lines(self._path)}
        self._stream: FileIO | None = None

    def add(self, row: Row) -> None:
        """Keep a row: it is in the file when this returns. Raises UsageError, NotWritten and leaves whole lines."""
        line = json_text(row.to_json()).encode() + b"\n"
        try:
            stream = self._opened()
            at = stream.tell()
            try:
                _whole(stream, line)
            except OSError:
                with suppress(OSError):
                    stream.truncate(at)
                raise
        except OSError as error:
            raise refused(str(self._path), error, "What is finished is kept, and the same command goes on") from error
        self.rows[row.place] = row

    def close(self) -> None:
        """Stop appending."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.close()
            self._stream = None

    def finish(self) -> None:
        """Write the table whole, in the order of its places. Raises UsageError, NotWritten; the rows stay then."""
        self.close()
        write_rows(self.output, self.rows.values())
        if self._path != self.output:
            self._path.unlink(missing_ok=True)

    def _opened(self) -> FileIO:
        if self._stream is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            stream = self._path.open("r+b" if self._path.exists() else "w+b", buffering=0)
            stream.truncate(_whole_lines(self._path))
            stream.seek(0, 2)
            self._stream = stream
        return self._stream


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a table whole or not at all, in the order of its places. Raises UsageError, NotWritten."""
    ordered = sorted(rows, key=lambda row: row.place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            from zif_sweep.parquet import content

            write_whole(path, content(ordered), durable=True)
        else:
            write_whole(path, "".join(f"{json_text(row.to_json())}\n" for row in ordered), durable=True)
    except OSError as error:
        raise refused(str(path), error, "What is finished is kept") from error


def _whole(stream: FileIO, line: bytes) -> None:
    """Write all of a line: a disk that fills may take the beginning of it without a word."""
    while line:
        line = line[stream.write(line) :]


def _lines(path: Path) -> list[Row]:
    data = read_bytes(path, TEXT, UsageError)
    whole = data[: data.rfind(b"\n") + 1]
    return [_row(line, f"{path}, line {number}") for number, line in enumerate(whole.splitlines(), 1) if line.strip()]


def _row(line: bytes, where: str) -> Row:
    def wrong(text: str) -> ZifError:
        return UsageError(f"{text}. It is no table of a sweep: name another file, or delete it")

    data = parse_json(line, where, wrong)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise wrong(f"{where} is no row of a sweep ({SCHEMA})")
    return parse_record(Row, data, where, wrong)


def _whole_lines(path: Path) -> int:
    data = read_bytes(path, TEXT, InvalidInput)
    return data.rfind(b"\n") + 1
