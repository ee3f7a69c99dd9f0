"""Documents as records: what has another type is said with its place, never converted, never met later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from attrs import Factory, field, frozen, validators
from zif.errors import InvalidInput
from zif.files.records import record, value


@frozen
class Row:
    name: str
    us: float
    count: int = 0
    tags: tuple[str, ...] = ()


@frozen
class Whole:
    rows: tuple[Row, ...]
    sizes: Mapping[str, int] = Factory(dict)
    kind: Literal["a", "b"] = "a"
    note: str | None = None
    on: bool = False
    pair: tuple[int, str] = (0, "")
    best: Row | None = None
    shape: tuple[int | str | None, ...] | None = None
    anything: Any = None
    code: str = field(default="ok", validator=validators.in_(("ok", "op")))


ROW = {"name": "r", "us": 1.5}


def test_a_document_becomes_a_record() -> None:
    rows = [ROW, {**ROW, "us": 2, "tags": ["x"]}]
    rest = {"shape": [1, "N", None], "pair": [1, "a"], "best": ROW, "written later": 1}
    whole = record(Whole, {"rows": rows, **rest}, "file")
    assert whole.rows == (Row("r", 1.5), Row("r", 2, 0, ("x",)))
    assert whole.shape == (1, "N", None)
    assert whole.best == Row("r", 1.5)
    assert whole.pair == (1, "a")


WRONG: dict[str, tuple[Any, str]] = {
    "figure is text": ({"rows": [ROW, {**ROW, "us": "1"}]}, r"rows\[1\].us must be a number, is the text '1'"),
    "figure is true": ({"rows": [{**ROW, "us": True}]}, r"rows\[0\].us must be a number, is true"),
    "figure is none": ({"rows": [{**ROW, "us": None}]}, r"rows\[0\].us must be a number, is null"),
    "figure is no number": ({"rows": [{**ROW, "us": float("nan")}]}, r"rows\[0\].us must be a finite number, is nan"),
    "figure is huge": ({"rows": [{**ROW, "us": 10**400}]}, r"rows\[0\].us must be a whole number of at most 64 bits"),
    "count is a fraction": ({"rows": [{**ROW, "count": 1.5}]}, r"rows\[0\].count must be a whole number, is 1.5"),
    "count is huge": ({"rows": [], "sizes": {"a": 2**63}}, r"sizes.a must be a whole number of at most 64 bits"),
    "field is missing": ({"rows": [{"us": 1}]}, r"rows\[0\].name is missing"),
    "text for a list": ({"rows": "abc"}, "rows must be a list, is the text 'abc'"),
    "text for tags": ({"rows": [{**ROW, "tags": "abc"}]}, r"rows\[0\].tags must be a list"),
    "list for an object": ({"rows": [[]]}, r"rows\[0\] must be an object, is a list"),
    "odd key": ({"rows": [], "sizes": {"a b": "x"}}, r"sizes\['a b'\] must be a whole number"),
    "no such word": ({"rows": [], "kind": "c"}, "kind must be a or b, is the text 'c'"),
    "word is a list": ({"rows": [], "kind": []}, "kind must be a or b, is a list"),
    "text or null": ({"rows": [], "note": 1}, "note must be text or null, is 1"),
    "truth as a number": ({"rows": [], "on": 1}, "on must be true or false, is 1"),
    "pair of one": ({"rows": [], "pair": [1]}, "pair must be a list of 2, is a list"),
    "pair": ({"rows": [], "pair": ["a", "a"]}, r"pair\[0\] must be a whole number"),
    "inside of an optional": ({"rows": [], "best": {**ROW, "us": "x"}}, "best.us must be a number"),
    "dimension": ({"rows": [], "shape": [1, 2.5]}, r"shape\[1\] must be a whole number, text or null, is 2.5"),
    "the class's own rule": ({"rows": [], "code": "x"}, "it cannot be: 'code' must be in"),
    "no object at all": ([], "it must be an object, is a list"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_another_type_is_said_with_its_place(case: tuple[Any, str]) -> None:
    with pytest.raises(InvalidInput, match=f"^file: {case[1]}"):
        record(Whole, case[0], "file")


def test_unknown_fields_are_passed_over_or_refused() -> None:
    assert record(Row, {**ROW, "later": 1}, "file") == Row("r", 1.5)
    with pytest.raises(InvalidInput, match=r"file: later is not known; known are name, us, count, tags"):
        record(Row, {**ROW, "later": 1}, "file", exact=True)


def test_other_types_than_classes() -> None:
    assert value(tuple[Row, ...], [ROW], "file") == (Row("r", 1.5),)
    assert value(Mapping[str, frozenset[str]], {"a": ["b", "b"]}, "file") == {"a": frozenset({"b"})}
    with pytest.raises(InvalidInput, match=r"file: \[0\].us must be a number"):
        value(tuple[Row, ...], [{**ROW, "us": "x"}], "file")
