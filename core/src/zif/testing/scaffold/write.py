"""Writing a new backend's folder: rendered templates, whole or not at all."""

from __future__ import annotations

import keyword
import re
import secrets
from pathlib import Path

from zif.backends.registry import core_version, installed
from zif.errors import UsageError
from zif.files.writing import drafted, refused

#: Where each template goes; {module} is the name of the Python package.
FILES = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    "src/{module}/__init__.py": "backend.py.j2",
    "src/{module}/engine.py": "engine.py.j2",
    "src/{module}/py.typed": "py.typed.j2",
    "tests/test_backend.py": "test_backend.py.j2",
    ".github/workflows/ci.yml": "ci.yml.j2",
    ".gitignore": "gitignore.j2",
}


def create(name: str, parent: Path) -> Path:
    """Write the distribution `zif-NAME` into a new folder of `parent` and return the folder.

    Raises UsageError for a name that cannot be a backend's, is taken, or whose folder exists or cannot be written to,
    NotWritten when there is no room.
    """
    _check_name(name)
    distribution = f"zif-{name.replace('_', '-')}"
    folder = parent / distribution
    if folder.exists():
        raise UsageError(f"{folder} exists already: choose another name or another place with --into")
    if not parent.is_dir():
        raise UsageError(f"{parent} is no folder")
    core = core_version()
    words = {
        "name": name,
        "distribution": distribution,
        "module": f"zif_{name}",
        "core": core,
        "next": _next_minor(core),
    }
    try:
        with drafted(parent / f".{distribution}-{secrets.token_hex(4)}") as draft:
            _render(draft, words)
            draft.rename(folder)
    except OSError as error:
        raise refused(str(folder), error) from error
    return folder


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot be a backend's name: small letters, digits and underscores, a letter first")
    if any(row.name == name for row in installed()):
        raise UsageError(f"a backend called {name!r} is installed already; choose another name")


def _next_minor(version: str) -> str:
    major, minor = (int(part) for part in version.split(".")[:2])
    return f"{major}.{minor + 1}"


def _render(folder: Path, words: dict[str, str]) -> None:
    import jinja2

    loader = jinja2.PackageLoader("zif.testing.scaffold", "templates")
    templates = jinja2.Environment(
        loader=loader, autoescape=False, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    for place, template in FILES.items():
        path = folder / place.format(**words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(templates.get_template(template).render(**words), encoding="utf-8")
