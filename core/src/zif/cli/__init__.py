"""The command line: parse, call one verb, show. `main` runs one command and turns whatever happens into an exit code.

What may come in: words that people type and what they read of it. What a command does is done below.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command of `sys.argv` and leave the process with its exit code, or with that of a signal."""
    from zif.cli import ending, streams

    code = 0
    try:
        streams.settle()  # before anything of ours is opened, which would take the number of one that is closed
        ending.catch()
        code = run(sys.argv[1:])
        ending.settled()
    except BaseException:
        if not ending.asked():
            raise
    ending.leave(code)


def run(arguments: Sequence[str], *, bounded: bool = False) -> int:
    """Run one command; its output goes to stdout, every problem to stderr as a sentence. Returns the exit code.

    bounded: the process is the command's alone, and may be refused memory (see `zif.cli.allowance`).
    """
    from zif.cli import allowance, deadline, ending, streams
    from zif.files.unused import telling

    words, debug = _without_debug(arguments)
    as_json = "--json" in words
    with streams.guarded(as_json), telling(_note):
        try:
            words, seconds = deadline.taken(words)
            if bounded or ending.caught():
                allowance.check_room(words)
                allowance.bound(words)
            with deadline.held(seconds, lambda over: _report(over, as_json)):
                code = _command(words)
            streams.flush()  # what is lost only now is lost, too
            return code
        except BaseException as error:
            if ending.asked():
                streams.abandon()
                raise
            return _report(error, as_json, debug)


def _note(text: str) -> None:
    from zif.cli.views.terminal import note

    note(text)


def _report(error: BaseException, as_json: bool, debug: bool = False) -> int:
    from zif.cli.views import failure

    return failure.report(error, as_json=as_json, debug=debug)


def _command(words: Sequence[str]) -> int:
    from zif.cli import ending
    from zif.cli.app import application

    try:
        code = _code(application()(words, prog_name="zif", standalone_mode=False))
    except SystemExit as done:
        if ending.asked():
            raise
        if isinstance(done.__context__, OSError):  # typer's way out of a broken pipe
            raise done.__context__ from None
        if "_ZIF_COMPLETE" not in os.environ:
            raise _quit(f"SystemExit: {done.code}") from done
        return _code(done.code)  # and out of a completion script
    if code == _INTERRUPTED and ending.caught() and not ending.asked():
        raise _quit("KeyboardInterrupt, though nobody interrupted it")  # typer made a code of it
    return code


def _quit(how: str) -> Exception:
    """Nothing of zif ends a command so; whoever it was is never to decide on the exit code."""
    from zif.errors import BackendBroken

    return BackendBroken(
        f"a plugin or a library called for the end of the process ({how}), so there is no answer; "
        "--debug shows where, and --isolate keeps backends in processes of their own"
    )


def _code(answer: object) -> int:
    return answer if isinstance(answer, int) else 0


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` works wherever it stands, and ZIF_DEBUG=1 does too."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    kept = [word for place, word in enumerate(words) if word != "--debug" or place > end]
    return kept, debug or os.environ.get("ZIF_DEBUG", "") not in ("", "0")
