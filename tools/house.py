"""The house as it stands: which room of core imports which, read from the source; lazy and typing imports count.

`python tools/house.py` prints each room with its floor and what it imports, and writes the picture that CONTRIBUTING
shows. `tests/house` holds the order.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core" / "src" / "zif"
PICTURE = ROOT / "docs" / "house.svg"

#: The rooms, top down: each may import those below it, never one above.
ORDER = (
    *("__main__", "onnx_backend", "cli", "testing", "evaluation", "report", "runtime", "planning", "backends"),
    *("plugin", "targets", "verdicts", "encodings", "inputs", "model", "hookspecs", "records", "errors", "wording"),
)
#: What hands names on lazily from everywhere: nothing stands on it.
FRONT = "zif"


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Every module of zif that a file imports, wherever in the file, with its line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "zif":
            for name in node.names:
                yield f"{node.module}.{name.name}", node.lineno
        elif isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names if name.name.split(".")[0] == "zif")


def room(file: Path) -> str:
    """The folder or module directly below `zif` that a file belongs to."""
    first = file.relative_to(CORE).parts[0]
    return FRONT if first == "__init__.py" else first.removesuffix(".py")


def arrows() -> dict[tuple[str, str], list[str]]:
    """Room to room, with the places in the source that import."""
    names = {path.stem if path.suffix == ".py" else path.name for path in CORE.iterdir()}
    drawn: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted(CORE.rglob("*.py")):
        for module, line in imports(file):
            word = module.split(".")[1] if "." in module else ""
            target = word if word in names and word != "__init__" else FRONT
            if target != room(file):
                drawn[room(file), target].append(f"{file.relative_to(ROOT)}:{line}")
    return drawn


def floors(drawn: Mapping[tuple[str, str], object]) -> dict[str, int]:
    """How high each room stands: one above the highest that it imports."""
    below: dict[str, set[str]] = defaultdict(set)
    for upper, lower in drawn:
        if FRONT not in (upper, lower):
            below[upper].add(lower)
    height: dict[str, int] = {}

    def climb(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            raise SystemExit(f"a circle: {' -> '.join([*path[path.index(name) :], name])}")
        if name not in height:
            height[name] = 1 + max((climb(lower, (*path, name)) for lower in sorted(below[name])), default=0)
        return height[name]

    for name in [name for name in ORDER if (CORE / name).exists() or (CORE / f"{name}.py").exists()]:
        climb(name, ())
    return height


if __name__ == "__main__":
    drawn = arrows()
    for (upper, lower), places in sorted(drawn.items()):
        if FRONT in (upper, lower) or upper not in ORDER or lower not in ORDER or ORDER.index(upper) > ORDER.index(lower):
            print("AGAINST", upper, "->", lower, places[:6])
    for name, floor in sorted(floors(drawn).items(), key=lambda item: -item[1]):
        print(floor, name, "imports", ", ".join(sorted(lower for upper, lower in drawn if upper == name)))
    sys.exit(0)
