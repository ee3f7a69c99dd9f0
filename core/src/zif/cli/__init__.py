"""The command line: parse, call one verb, show. `main` runs one command and turns whatever happens into an exit code.

What may come in: words that people type and what they read of it. What a command does is done below.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def main() -> NoReturn:
    """Run the command of `sys.argv` and leave the process with its exit code, or with that of a signal."""
    from zif.cli import ending

    code = 0
    try:
        ending.catch()
        from zif.cli import streams

        streams.settle()
        code = run(sys.argv[1:])
        ending.settled()
    except BaseException:
        if not ending.asked():
            raise
    ending.leave(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its output goes to stdout, every problem to stderr as a sentence. Returns the exit code."""
    from zif.cli import ending, streams
    from zif.cli.views import failure

    words, debug = _without_debug(arguments)
    as_json = "--json" in words
    with streams.guarded(as_json):
        try:
            code = _command(words)
            streams.flush()  # what is lost only now is lost, too
            return code
        except BaseException as error:
            if ending.asked():
                streams.abandon()
                raise
            return failure.report(error, as_json=as_json, debug=debug)


def _command(words: Sequence[str]) -> int:
    from zif.cli import ending
    from zif.cli.app import application

    try:
        return _code(application()(words, prog_name="zif", standalone_mode=False))
    except SystemExit as done:  # typer's own way out, after completion scripts and broken pipes
        if ending.asked():
            raise
        if isinstance(done.__context__, OSError):
            raise done.__context__ from None
        return _code(done.code)


def _code(answer: object) -> int:
    return answer if isinstance(answer, int) else 0


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` works wherever it stands, and ZIF_DEBUG=1 does too."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    kept = [word for place, word in enumerate(words) if word != "--debug" or place > end]
    return kept, debug or os.environ.get("ZIF_DEBUG", "") not in ("", "0")
