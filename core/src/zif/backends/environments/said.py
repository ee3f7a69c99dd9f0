"""What an installer's words mean, and what to do next: its own lines follow behind that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

from zif.errors import BackendUnavailable, NotWritten, UsageError, ZifError

_LINES = 12


@frozen
class _Meaning:
    pattern: str
    why: str
    step: str
    kind: type[ZifError] = UsageError


#: The first that fits counts: without a network nothing is found, and what is not found goes together with nothing.
_MEANINGS = (
    _Meaning(
        "no space left|disk quota",
        "there is no room",
        "free space, or name another by ZIF_DATA=FOLDER",
        NotWritten,
    ),
    _Meaning(
        "error sending request|connection refused|dns error|newconnectionerror|name resolution|service not known"
        "|timed out|max retries exceeded|network is unreachable",
        "its index cannot be reached",
        "look at the network, or name another index by PIP_INDEX_URL, or a folder of wheels by `--find-links FOLDER`",
        BackendUnavailable,
    ),
    _Meaning(
        "failed to parse|invalid requirement|expected path",
        "that is no requirement",
        "write a name (`zif-acme`, `onnx==1.16.2`), a wheel or a folder with a pyproject.toml",
    ),
    _Meaning(
        "not found in the|no matching distribution|distribution not found|does not exist|neither 'setup.py' nor",
        "there is no such thing",
        "look at the spelling, or name a wheel, a folder, or a folder with wheels by `--find-links FOLDER`",
    ),
    _Meaning(
        "no interpreter found",
        "there is no such Python here",
        "name one by `--python PATH`, or leave it out",
    ),
    _Meaning(
        "unsatisfiable|resolutionimpossible|conflicting|requires a different python",
        "what is required does not go together",
        "`--python VERSION` names another Python; put what wants other versions into an environment of its own",
    ),
)


def refusal(failed: str, tool: str, text: str) -> ZifError:
    """The error for what an installer said. failed: what it did not do, as the begin of a sentence."""
    said = [line for line in text.splitlines() if line.strip()]
    meaning = next((meaning for meaning in _MEANINGS if re.search(meaning.pattern, text, re.IGNORECASE)), None)
    words = f"{tool} said:\n" + "\n".join(f"  {line}" for line in _last(said))
    if meaning is None:
        return UsageError(f"{failed}. {words}")
    return meaning.kind(f"{failed}: {meaning.why}. Next: {meaning.step}. {words}")


def _last(said: Sequence[str]) -> list[str]:
    """The last lines, without those that tell of one more try."""
    return [line for line in said if "Retrying (Retry(" not in line][-_LINES:]
