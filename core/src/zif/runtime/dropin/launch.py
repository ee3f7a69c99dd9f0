"""`python -m zif.ort app.py args`: an application as it is, with zif where it imports ONNX Runtime."""

from __future__ import annotations

import argparse
import os
import runpy
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from zif.errors import UsageError, ZifError
from zif.files.installed import points
from zif.runtime.dropin.imports import install
from zif.runtime.dropin.settings import configure

_ABOUT = """\
Run a Python application with zif in the place of ONNX Runtime: a script, a module (-m) or an installed command.
Everything behind its name goes to the application.
"""


def main(words: Sequence[str]) -> int:
    """Run the application and end as it does. 2 for an application or a setting that is not there."""
    parser = _parser()
    arguments = parser.parse_args(list(words))
    if not (arguments.module or arguments.app):
        parser.print_help(sys.stderr)
        return 2
    args = [*([arguments.app] if arguments.module and arguments.app else []), *arguments.args]
    try:
        _configure(arguments)
        _children()
        install()
        return _run(arguments.module, arguments.app, args)
    except ZifError as error:
        print(f"zif.ort: {error}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("python -m zif.ort", description=_ABOUT, allow_abbrev=False)
    made.add_argument("-t", "--target", help="the chip to plan for; this machine without (`zif targets` lists them)")
    made.add_argument("--policy", help="balanced, performance, power or memory")
    made.add_argument("--only", help="backends that may take part, with commas between")
    made.add_argument("--exclude", help="backends that may not")
    made.add_argument("--shapes", type=int, help="how many sets of input shapes of a model get a plan of their own")
    made.add_argument("--verify", choices=("off", "outputs", "units"), help="how answers are held against the CPU's")
    made.add_argument("--keep-providers", action="store_true", help="the application's `providers` count with --target")
    made.add_argument("-m", dest="module", help="a module in the place of a script")
    made.add_argument("app", nargs="?", help="a script, or the name of an installed command")
    made.add_argument("args", nargs=argparse.REMAINDER, help="what the application gets")
    return made


def _configure(namespace: argparse.Namespace) -> None:
    from zif.targets import target as find

    wanted = {
        name: getattr(namespace, name)
        for name in ("target", "policy", "shapes", "verify")
        if getattr(namespace, name) is not None
    }
    lists = {
        name: tuple(getattr(namespace, name).split(",")) for name in ("only", "exclude") if getattr(namespace, name)
    }
    find(wanted.get("target", "host"))  # a name that nobody knows is said before the application starts
    configure(**wanted, **lists, keep_providers=namespace.keep_providers)


def _children() -> None:
    """Every Python that the application starts finds `sitecustomize`, which does there what is done here."""
    folder = str(Path(__file__).with_name("childsite"))
    path = [
        directory
        for directory in os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if directory and directory != folder
    ]
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *path])


def _run(module: str | None, app: str, args: Sequence[str]) -> int:
    sys.argv = [module or app, *args]
    if module:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    if Path(app).exists():
        _script(app)
        return 0
    script = next((point for point in points("console_scripts") if point.name == app), None)
    if script is not None:
        sys.argv[0] = shutil.which(app) or app
        return _ended(script.load()())
    raise UsageError(
        f"{app} is no file and no command of an installed distribution: name a script, a command, or a module with -m"
    )


def _script(app: str) -> None:
    sys.path[0] = str(Path(app).resolve().parent)
    runpy.run_path(app, run_name="__main__")


def _ended(code: object) -> int:
    if code is None or isinstance(code, int):
        return int(code or 0)
    print(code, file=sys.stderr)
    return 1
