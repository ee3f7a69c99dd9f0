"""Making an environment, taking in one that exists, and removing what was made."""

from __future__ import annotations

import datetime
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
from filelock import FileLock, Timeout

from zif.backends.environments import interpreter, needs, own_wheel
from zif.backends.environments.installer import Installer, install_into, uv
from zif.backends.environments.interpreter import Interpreter
from zif.backends.environments.siblings import located
from zif.backends.isolation.codec import PROTOCOL
from zif.errors import UsageError
from zif.files import environments
from zif.files.environments import FILE, SCHEMA, Environment
from zif.files.leftovers import private_folder
from zif.files.opening import is_plain
from zif.files.text import read_text
from zif.files.wording import json_text
from zif.files.writing import refused, write_whole

#: The folder of an environment that zif makes, in that with its record, and the file in it that says whose it is.
VENV, MARK = "venv", ".made-by-zif"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9_-])?")


def create(
    name: str, requirements: Sequence[str], python: str = "", links: Sequence[str] = (), again: bool = False
) -> Environment:
    """A new environment with this zif and these requirements in it: names, wheels or folders of plugins.

    What the plugins say that they need (see `needs`) comes with them. python: a version or the path of an interpreter;
    "" for that of this process. links: folders with wheels. again: one of this name is made anew, from its own
    requirements where none are given. Raises UsageError for a name that is taken or is none and with what the installer
    said; nothing is left then.
    """
    with _held(name) as place:
        before = next((known for known in environments.every() if known.name == name), None)
        if before is not None and before.ready and not again:
            raise UsageError(f"there is an environment {name!r} already: `--again` makes it anew")
        if before is not None and before.ready and not before.made:
            raise UsageError(f"the environment {name!r} is none that zif made, so it cannot make it again")
        if before is not None:
            requirements, links = requirements or before.requirements, links or before.links
        if not requirements:
            raise UsageError(f"what goes into {name!r}? `zif env create {name} REQUIREMENT...` names plugins")
        _clear(place, before)
        new = Environment(name, made=True, token=secrets.token_hex(16), ready=False, day=_today())
        new = attrs.evolve(new, requirements=tuple(map(located, requirements)), links=tuple(map(located, links)))
        _write(place, new)
        try:
            return _filled(place, new, python)
        except BaseException as error:  # Ctrl-C too
            _clear(place, new)
            if isinstance(error, OSError):
                raise refused(str(place), error) from error
            raise


def add(name: str, python: str, install: bool = False) -> Environment:
    """Take in an interpreter that exists, such as conda's or a vendor's. Nothing in it is changed or ever deleted.

    install: but for this zif, which is installed there. Raises UsageError for a name that is taken, for what is no
    Python that zif runs on, and where zif is not in it, saying what to do.
    """
    with _held(name) as place:
        if any(known.name == name for known in environments.every()):
            raise UsageError(f"there is an environment {name!r} already: `zif env rm {name}` forgets it")
        told = interpreter.ask(python)
        if told.too_old:
            least = ".".join(map(str, interpreter.LEAST))
            raise UsageError(f"{python} is Python {told.version}, and zif needs {least} or newer")
        if install:
            _install_zif(python)
            told = interpreter.ask(python)
        _check(told, python, f"zif env add {name} --python {python} --install")
        path = os.path.abspath(python)
        environment = Environment(name, path, version=told.version, zif=told.zif, folders=told.folders, day=_today())
        try:
            _write(place, environment)
        except OSError as error:
            raise refused(str(place), error) from error
        return environment


def remove(name: str) -> tuple[Environment, list[str]]:
    """Forget an environment, and delete it if zif made it. Gives it, and what lies beside it and is not zif's.

    Raises UsageError for a name that there is not.
    """
    with _held(name) as place:
        known = {known.name: known for known in environments.every()}
        if name not in known:
            environments.environment(name)  # raises with those that there are
            raise UsageError(f"there is no environment {name!r}")
        _clear(place, known[name])
        left = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
        return known[name], [str(place / path) for path in left]


def _filled(place: Path, new: Environment, python: str) -> Environment:
    installer = Installer(place / VENV, new.links)
    installer.make(python)
    write_whole(place / VENV / MARK, new.token)
    with private_folder("zif-wheel-") as folder:
        wheel = str(own_wheel.build(folder))
        installer.install([wheel, *new.requirements], dependencies=False)
        folders = interpreter.ask(installer.python).folders
        needed = needs.of(attrs.evolve(new, folders=folders))
        installer.install([wheel, *new.requirements, *needed.requirements])
        installer.install(needed.without_dependencies, dependencies=False)
    told = interpreter.ask(installer.python)
    _check(told, installer.python, f"zif env create {new.name} --again")
    whole = attrs.evolve(
        new, python=installer.python, version=told.version, zif=told.zif, folders=told.folders, ready=True
    )
    _write(place, whole)
    return whole


def _install_zif(python: str) -> None:
    with private_folder("zif-wheel-") as folder:
        install_into(os.path.abspath(python), [str(own_wheel.build(folder))], uv=uv())


def _check(told: Interpreter, python: str, fix: str) -> None:
    """Raise UsageError where the zif in an interpreter and this one cannot talk."""
    if told.broken:
        raise UsageError(
            f"the zif {told.zif} in {python} cannot be imported, or is older than environments: {told.broken}. `{fix}` "
            "puts this one there"
        )
    if not told.zif:
        raise UsageError(f"there is no zif in {python}: `{fix}` puts this one there")
    if told.protocol != PROTOCOL:
        raise UsageError(
            f"the zif {told.zif} in {python} speaks protocol {told.protocol}, and this one {PROTOCOL}: `{fix}`"
        )


@contextmanager
def _held(name: str) -> Iterator[Path]:
    """The folder for an environment's record, while nobody else makes or removes one of this name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for an environment: letters, digits, -, _ and dots inside, at most 40")
    place = environments.folder()
    if place is None:
        raise UsageError("this user has no place for environments: ZIF_DATA=FOLDER names one")
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / f".{name}.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"the environment {name!r} is being made or removed by another process") from None
    except OSError as error:
        raise refused(str(place), error, "ZIF_DATA=FOLDER names another place.") from error
    try:
        yield place / name
    finally:
        with suppress(OSError):
            (place / f".{name}.lock").unlink(missing_ok=True)
        lock.release()


def _clear(place: Path, environment: Environment | None) -> None:
    """Delete what zif made of an environment, and nothing else that lies there."""
    if environment is None:
        return
    venv = place / VENV
    if (
        environment.made
        and venv.is_dir()
        and not venv.is_symlink()
        and (not environment.ready or _is_ours(venv, environment))
    ):
        shutil.rmtree(venv, ignore_errors=True)
    with suppress(OSError):
        (place / FILE).unlink(missing_ok=True)
    with suppress(OSError):  # not empty: what is left is not zif's
        place.rmdir()


def _is_ours(venv: Path, environment: Environment) -> bool:
    mark = venv / MARK
    return is_plain(mark) and bool(environment.token) and read_text(mark) == environment.token


def _write(place: Path, environment: Environment) -> None:
    place.mkdir(exist_ok=True)
    fields = {name: value for name, value in attrs.asdict(environment).items() if name != "problem"}
    write_whole(place / FILE, json_text({"schema": SCHEMA, **fields}, indent=1) + "\n", durable=True)


def _today() -> str:
    return datetime.date.today().isoformat()


__all__ = ["add", "create", "remove"]
