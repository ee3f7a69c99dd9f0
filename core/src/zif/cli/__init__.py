"""The command line: parse, call one verb, show. `main` runs one command and turns whatever happens into an exit code.

What may come in: words that people type and what they read of it. What a command does is done below.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn


def main() -> NoReturn:
    """Run the command of `sys.argv` and leave the process with its exit code."""
    from zif.cli import streams

    signal.signal(signal.SIGTERM, _terminated)
    streams.settle()
    code = run(sys.argv[1:])
    if any(thread.name == "zif-deadline" for thread in threading.enumerate()):
        os._exit(code)  # a plugin that hangs was left behind in a thread, and must not hold up the exit
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its output goes to stdout, every problem to stderr as a sentence. Returns the exit code."""
    from zif.cli import streams
    from zif.cli.views import failure

    words, debug = _without_debug(arguments)
    as_json = "--json" in words
    with streams.guarded(as_json):
        try:
            code = _command(words)
            streams.flush()  # what is lost only now is lost, too
            return code
        except BaseException as error:
            return failure.report(error, as_json=as_json, debug=debug)


def _command(words: Sequence[str]) -> int:
    from zif.cli.app import application

    try:
        return _code(application()(words, prog_name="zif", standalone_mode=False))
    except SystemExit as done:  # typer's own way out, after completion scripts and broken pipes
        if isinstance(done.__context__, OSError):
            raise done.__context__ from None
        return _code(done.code)


def _terminated(number: int, _frame: object) -> NoReturn:
    """Leave as on Ctrl-C, so that temporary files and worker processes go, too."""
    sys.exit(128 + number)


def _code(answer: object) -> int:
    return answer if isinstance(answer, int) else 0


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` works wherever it stands, and ZIF_DEBUG=1 does too."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    kept = [word for place, word in enumerate(words) if word != "--debug" or place > end]
    return kept, debug or os.environ.get("ZIF_DEBUG", "") not in ("", "0")
