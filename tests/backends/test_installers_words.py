"""What `zif env create` makes of an installer's words: why, and what to do next, before the words themselves."""

from __future__ import annotations

import pytest
from zif.backends.environments.said import refusal
from zif.errors import BackendUnavailable, NotWritten, UsageError, ZifError

#: As uv 0.13.9 and pip 26 said them.
OFFLINE = """error: Request failed after 3 retries in 6.2s
  cause: Failed to fetch: `http://127.0.0.1:9/simple/attrs/`
  cause: error sending request for url (http://127.0.0.1:9/simple/attrs/)
  cause: Connection refused (os error 111)"""
PIP_OFFLINE = """WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/onnx/
ERROR: Could not find a version that satisfies the requirement onnx<1.19,>=1.16.1 (from versions: none)
ERROR: No matching distribution found for onnx<1.19,>=1.16.1"""
UNKNOWN = """error: No solution found when resolving dependencies
  cause: Because zif-acme was not found in the package registry and you require zif-acme, we can conclude that your
  requirements are unsatisfiable."""
APART = """error: No solution found when resolving dependencies
  cause: Because you require onnx==1.16.2 and onnx==1.17.0, we can conclude that your requirements are unsatisfiable."""
CASES = [
    (OFFLINE, BackendUnavailable, "cannot be reached", "PIP_INDEX_URL"),
    (PIP_OFFLINE, BackendUnavailable, "cannot be reached", "--find-links"),
    (UNKNOWN, UsageError, "there is no such thing", "spelling"),
    ("ERROR: No matching distribution found for zif-acme", UsageError, "there is no such thing", "spelling"),
    ("error: Distribution not found at: file:///tmp/not-there", UsageError, "there is no such thing", "a folder"),
    (APART, UsageError, "does not go together", "--python VERSION"),
    ("ERROR: ResolutionImpossible: for help visit …", UsageError, "does not go together", "of its own"),
    ("error: Failed to parse: `numpy=>1`", UsageError, "no requirement", "onnx==1.16.2"),
    ("error: No interpreter found for Python 9.9 in managed installations", UsageError, "no such Python", "--python"),
    ("error: No space left on device (os error 28)", NotWritten, "no room", "ZIF_DATA=FOLDER"),
]


@pytest.mark.parametrize(("words", "kind", "why", "step"), CASES)
def test_the_first_line_says_why_and_what_to_do(words: str, kind: type[ZifError], why: str, step: str) -> None:
    error = refusal("zif-acme cannot be installed", "uv", words)
    first, *rest = str(error).splitlines()
    assert type(error) is kind
    assert first.startswith("zif-acme cannot be installed: ")
    assert why in first
    assert step in first.partition("Next: ")[2]
    assert first.endswith("uv said:")
    assert "Retrying" not in "".join(rest)
    assert words.splitlines()[-1].strip() in rest[-1]


def test_words_that_nobody_knows_are_told_as_they_are() -> None:
    assert str(refusal("it was not made", "uv", "error: odd")) == "it was not made. uv said:\n  error: odd"
