"""A process that has imported what the command line needs and forks for each call, so that tests need not wait for it.

Started by `fakes.Site`, never imported: it reads one order per line on stdin (JSON: arguments, environment, folder,
path, out, err) and answers each with the exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from contextlib import suppress
from typing import Any

PRELOAD = ("rich.console", "rich.table", "onnx.reference", "zif.cli.app", "zif.cli.views.plan", "zif.cli.views.run")
PRELOAD += (
    "zif.cli.outputs",
    "zif.inputs",
    "zif.runtime.verbs",
    "zif.runtime.build",
    "zif.planning.placement",
    "zif.planning.planner",
)
PRELOAD += (
    "scipy.sparse.csgraph",
    "importlib_metadata",
    "zif.artifacts.cache",
    "zif.backends.survey",
    "zif.targets",
    "typer._adapters",
)


def serve() -> None:
    for name in PRELOAD:
        with suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def work(order: dict[str, Any]) -> None:
    """In the child: become the call, and never come back."""
    code: Any = 70
    try:
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        for number, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
            os.dup2(os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT), number)
        sys.path.insert(0, order["path"])
        importlib.invalidate_caches()
        sys.argv = ["zif", *order["arguments"]]
        from zif.cli import main

        main()
    except SystemExit as done:
        code = done.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    serve()
