"""A process that answers for frontends, where they are installed: a JSON document a line from the host, one back.

What frontends print goes to stderr, which the host keeps; only answers go to the host. The end of its input ends it.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from zif.errors import StageFailed, ZifError
from zif.files.archives import read_arrays, save_arrays
from zif.files.documents import json_of
from zif.files.records import record
from zif.runtime.frontends.contract import Named, Origin, Request
from zif.runtime.frontends.installed import Frontend

#: Both sides speak this; a worker of another zif says so instead of guessing.
PROTOCOL = 1


def main() -> None:
    """Answer until the host hangs up."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever frameworks print is no answer
    opened: dict[str, Frontend] = {}
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json_of(line, "a question", StageFailed), opened)) + "\n")
        answers.flush()


def _answer(asked: Mapping[str, Any], opened: dict[str, Frontend]) -> dict[str, Any]:
    try:
        if asked["protocol"] != PROTOCOL:
            raise StageFailed(f"the host speaks protocol {asked['protocol']} and this environment's zif {PROTOCOL}")
        module = asked["module"]
        if module not in opened:
            opened[module] = Frontend.open(module, asked["owner"])
        return {"answer": _stage(opened[module], asked)}
    except ZifError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except OSError as error:
        full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # the machine's, not the author's
        why = f"{asked.get('owner', 'a frontend')}: {error}"
        return {"error": "NotWritten" if full else "StageFailed", "message": why}
    except Exception as error:
        return {"error": "StageFailed", "message": f"{asked.get('owner', 'a frontend')}: {error}"}


def _stage(frontend: Frontend, asked: Mapping[str, Any]) -> Any:
    source = _source(asked["source"])
    if asked["stage"] == "recognize":
        recognized = frontend.recognize(source)
        return None if recognized is None else attrs.asdict(recognized)
    request = record(Request, asked["request"], "a request", StageFailed)
    folder = Path(asked["folder"])
    if asked["stage"] == "convert":
        return attrs.asdict(frontend.convert(source, request, folder))
    made = frontend.run(source, request, read_arrays(folder / asked["inputs"], StageFailed))
    if made is None:
        return None
    save_arrays(folder / asked["outputs"], made)
    return sorted(made)


def _source(told: Mapping[str, str]) -> Origin:
    return Path(told["path"]) if "path" in told else Named(told["where"], told["name"])


if __name__ == "__main__":
    main()
