"""The table as Parquet: a column for each field of a row, lists and records of them nested as Parquet has them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import attrs
from zif import UsageError, ZifError
from zif.plugin import TEXT, VALUES, parse_record, read_bytes, to_install

from zif_sweep.rows import SCHEMA, Row


def check_installed() -> None:
    """Raise UsageError, with what to install, where pyarrow is missing."""
    _arrow()


def content(rows: Iterable[Row]) -> bytes:
    """The bytes of a table. Raises UsageError without pyarrow."""
    arrow, parquet = _arrow()
    table = arrow.Table.from_pylist([attrs.asdict(row) for row in rows], schema=schema())
    sink = io.BytesIO()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read(path: Path) -> list[Row]:
    """The rows of a table. Raises UsageError for what is none, and without pyarrow."""
    arrow, parquet = _arrow()
    wrong = f"{path} is no table of a sweep: name another file, or delete it"
    try:
        file = parquet.ParquetFile(io.BytesIO(read_bytes(path, TEXT, UsageError)))
        _check_size(path, file.metadata)
        content = file.read()
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise UsageError(f"{wrong} ({error})") from error
    if (content.schema.metadata or {}).get(b"schema") != SCHEMA.encode():
        raise UsageError(wrong)
    return [parse_record(Row, row, str(path), _refusal) for row in content.to_pylist()]


def _check_size(path: Path, about: Any) -> None:
    """Raise UsageError for more values than a document may have: a column of one value a million times is short."""
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    values = sum(group.column(place).num_values for group in groups for place in range(group.num_columns))
    if max(values, about.num_rows) > VALUES.value:
        raise UsageError(VALUES.exceeded(f"{path} has values:", max(values, about.num_rows)))


def schema() -> Any:
    """The columns, from the fields of Row."""
    arrow, _ = _arrow()
    hints = get_type_hints(Row)
    fields = [arrow.field(field.name, _type(hints[field.name])) for field in attrs.fields(Row)]
    return arrow.schema(fields, metadata={"schema": SCHEMA})


def _type(kind: Any) -> Any:
    arrow, _ = _arrow()
    plain: Mapping[Any, Any] = {
        str: arrow.string(),
        int: arrow.int64(),
        float: arrow.float64(),
        bool: arrow.bool_(),
    }
    if kind in plain:
        return plain[kind]
    if get_origin(kind) is tuple:
        return arrow.list_(_type(get_args(kind)[0]))
    if attrs.has(kind):
        hints = get_type_hints(kind)
        return arrow.struct([(field.name, _type(hints[field.name])) for field in attrs.fields(kind)])
    inner = [argument for argument in get_args(kind) if argument is not NoneType]
    return _type(type(inner[0]) if isinstance(inner[0], str) else inner[0])  # X | None, or a Literal of words


def _refusal(text: str) -> ZifError:
    return UsageError(f"{text}. Name another table, or delete it")


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(f"tables in Parquet need pyarrow: {to_install('zif-sweep[parquet]')}") from error
    return pyarrow, parquet
