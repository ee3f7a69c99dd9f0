"""Names in foreign files: what becomes a path, and what never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zif.errors import InvalidBundle
from zif.files.paths import distinct, is_relative, relative

PLAIN = ["a", "a/b.onnx", "segments/00-qnn_htp.onnx", ".hidden", "ä.bin", "a b", "console.txt", "com.bin", "a..b"]
REFUSED = {
    "absolute": "/etc/passwd",
    "up": "../a",
    "up in the middle": "a/../../b",
    "here": "./a",
    "empty part": "a//b",
    "nothing": "",
    "folder": "a/",
    "drive": "C:/a",
    "drive, relative": "C:a",
    "stream": "a.txt:stream",
    "backslash": "..\\a",
    "device": "NUL",
    "device with an ending": "a/con.txt",
    "device with blanks": "aux .json",
    "port": "COM¹.bin",
    "dot at the end": "a.",
    "blank at the end": "a/b ",
    "NUL": "a\0b",
    "newline": "a\nb",
    "right to left": "a\u202egnp.exe",
    "no width": "a\u200bb",
    "half a pair": "a\ud800",
    "wildcard": "a*",
    "long": "a" * 300,
    "long in bytes": "ä" * 200,
    "longer": "/".join(["a" * 200] * 6),
    "deep": "/".join("a" * 40),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert relative(name) == name
    assert is_relative(name)


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    assert not is_relative(name)
    with pytest.raises(InvalidBundle, match="no plain relative file name"):
        relative(name, InvalidBundle)


def test_a_name_is_text() -> None:
    with pytest.raises(InvalidBundle, match="must be text, not dict"):
        relative({}, InvalidBundle)


@given(st.text(max_size=40))
def test_what_is_taken_stays_inside(name: str) -> None:
    if is_relative(name):
        parts = name.split("/")
        assert ".." not in parts
        assert "" not in parts
        assert not set(name) & set('\\:\0\n*?<>|"')


@pytest.mark.parametrize("names", [("a", "A"), ("Straße", "STRASSE"), ("ä", "a\u0308"), ("a", "a/b"), ("b/c", "B")])
def test_names_that_are_one_file_somewhere_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(InvalidBundle, match="one file on some systems|the folder of"):
        distinct(names, InvalidBundle)


def test_distinct_names_are_given_back() -> None:
    assert distinct(["a/b", "a/c", "ab"]) == ("a/b", "a/c", "ab")
