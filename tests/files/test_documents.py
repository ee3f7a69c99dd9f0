"""JSON and TOML from strangers: every mistake is a sentence with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zif.errors import InvalidInput, UsageError
from zif.files.documents import json_of, read_json, read_table, toml_of
from zif.files.text import decode

REFUSED = {
    '{"a": 1,\n "a": 2}': r"the key 'a' stands twice in an object \(line 2, column 2\)",
    '{"b": "{\\"a\\", NaN", "a": [{"c": 1, "c": 2}]}': r"the key 'c' stands twice in an object \(line 1, column 37\)",
    '[1, {"c": NaN}]': r"NaN is no finite number \(line 1, column 11\)",
    "[Infinity]": "Infinity is no finite number",
    "[1, -Infinity]": r"-Infinity is no finite number \(line 1, column 5\)",
    "[1e999]": r"1e999 is no finite number \(line 1, column 2\)",
    f"[1{'0' * 250}e99]": "is no finite number",
    f"[{'9' * 5000}]": "a whole number has 5000 digits",
    "[" * 70 + "]" * 70: "more than 66 deep",
    '{"a":' * 200_000: "more than 66 deep",
    "[" * 200_000: "more than 66 deep",
    '["\\ud800"]': "half a surrogate pair",
    '{"\\udfff": 1}': "half a surrogate pair",
    "[1,]": r"not valid JSON: .* \(line 1, column \d\)",
    "": "not valid JSON",
    '["a\nb"]': "not valid JSON",
}


@pytest.mark.parametrize("text", REFUSED, ids=[text[:20] for text in REFUSED])
def test_json_that_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=f"^file.* {REFUSED[text]}"):
        json_of(text, "file")


TOML = {
    "a = nan": "nan is no finite number",
    "a = inf": "inf is no finite number",
    "a = 1e999": "1e999 is no finite number",
    "a = [" * 100: "not valid TOML",
    "a = " + "[" * 5000: "66 deep",
    "a" + ".a" * 100 + " = 1": "a key has more than 66 parts",
    "a = 1\na = 2": "not valid TOML",
    f"a = {'9' * 5000}": "not valid TOML",
    "a = 2020-13-01": "not valid TOML",
}


@pytest.mark.parametrize("text", TOML, ids=[text[:20] for text in TOML])
def test_toml_that_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=TOML[text]):
        toml_of(text, "file")


def test_a_long_key_is_refused_at_once() -> None:
    """What tomllib does with it grows with the square of its parts."""
    with pytest.raises(InvalidInput, match="66 parts"):
        toml_of("a" + ".a" * 400_000 + " = 1", "file")


def test_numbers_that_may_be_infinite() -> None:
    assert toml_of("a = inf\nb = -inf", "file", finite=False) == {"a": float("inf"), "b": float("-inf")}
    assert json_of("[Infinity]", "file", finite=False) == [float("inf")]
    assert json_of("[NaN]", "file", finite=False) != [0]
    with pytest.raises(InvalidInput, match="1e999 is no finite number"):
        json_of("[1e999]", "file", finite=False)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)


@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)))
def test_every_json_document_comes_through(document: object) -> None:
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        assert json_of(text, "file") == document


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_are_told_by_their_mark(tmp_path: Path, encoding: str) -> None:
    """Windows' shells write UTF-16, its editors a mark before UTF-8."""
    (tmp_path / "a.json").write_bytes('{"ä": 1}\r\n'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"ä": 1}


def test_what_is_no_text_is_said() -> None:
    with pytest.raises(InvalidInput, match=r"not text in UTF-8: byte 4 \(line 2\)"):
        decode(b"abc\n\xff", "file")
    with pytest.raises(InvalidInput, match=r"NUL characters \(line 1, column 2\)"):
        decode("ab".encode("utf-16-le"), "file")
    with pytest.raises(InvalidInput, match="not text in UTF-16"):
        decode(b"\xff\xfea", "file")


def test_comments_keep_the_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('// one\n{"a": 1,\n  // two: "a": 3\n "b": "// text"}')
    assert read_table(tmp_path / "a.json") == {"a": 1, "b": "// text"}
    (tmp_path / "a.json").write_text('// one\n{"a": 1,\n"a": 3}')
    with pytest.raises(UsageError, match=r"\(line 3, column 1\)"):
        read_table(tmp_path / "a.json", UsageError)
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(UsageError, match="must be a table .* not a list"):
        read_table(tmp_path / "a.json", UsageError)


def test_short_values_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three bytes each in the file are sixty in memory."""
    monkeypatch.setenv("ZIF_MAX_VALUES", "1000")
    with pytest.raises(InvalidInput, match="it has 2,001, more than the 1,000 that zif takes: set ZIF_MAX_VALUES"):
        json_of(f"[{'[],' * 1000}1]", "file")
