"""The house as it stands: which room of core imports which, read from the source; lazy and typing imports count.

`python tools/house.py` prints each room with its floor and what it imports, and writes the picture that CONTRIBUTING
shows; `python tools/house.py runtime` prints what stands in a room in the same way. `tests/house` holds the order.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core" / "src" / "zif"
PICTURE = ROOT / "docs" / "house.svg"

#: The rooms, top down: each may import those below it, never one above.
ORDER = (
    *("__main__", "cli", "onnx_backend", "ort", "testing", "evaluation", "report", "runtime", "planning", "artifacts"),
    *("backends", "targets", "verdicts", "inputs", "hookspecs", "schemas", "model", "files", "errors", "records"),
)
#: The doors, which hand names on lazily from everywhere: no room comes in through them.
DOORS = ("zif", "plugin")

WIDTH, STEP = 900, 76


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
    return DOORS[0] if first == "__init__.py" else first.removesuffix(".py")


def arrows() -> dict[tuple[str, str], list[str]]:
    """Room to room, with the places in the source that import."""
    names = {path.stem if path.suffix == ".py" else path.name for path in CORE.iterdir()}
    drawn: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted(CORE.rglob("*.py")):
        for module, line in imports(file):
            word = module.split(".")[1] if "." in module else ""
            target = word if word in names and word != "__init__" else DOORS[0]
            if target != room(file):
                drawn[room(file), target].append(f"{file.relative_to(ROOT)}:{line}")
    return drawn


def inside(folder: Path) -> dict[tuple[str, str], list[str]]:
    """The same between the files and folders of a room."""
    within = (*folder.relative_to(CORE.parent).parts,)
    names = {path.stem if path.suffix == ".py" else path.name for path in folder.iterdir()} - {"__init__"}
    drawn: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted(folder.rglob("*.py")):
        mine = file.relative_to(folder).parts[0].removesuffix(".py")
        for module, line in imports(file):
            words = (*module.split("."), "")
            target = words[len(within)] if words[: len(within)] == within else ""
            if mine in names and target in names - {mine}:
                drawn[mine, target].append(f"{file.relative_to(ROOT)}:{line}")
    return drawn


def floors(drawn: Mapping[tuple[str, str], object], names: Collection[str] = ORDER) -> dict[str, int]:
    """How high each room stands: one above the highest that it imports."""
    below: dict[str, set[str]] = defaultdict(set)
    for upper, lower in drawn:
        if upper not in DOORS and lower not in DOORS:
            below[upper].add(lower)
    height: dict[str, int] = {}

    def climb(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            raise SystemExit(f"a circle: {' -> '.join([*path[path.index(name) :], name])}")
        if name not in height:
            height[name] = 1 + max((climb(lower, (*path, name)) for lower in sorted(below[name])), default=0)
        return height[name]

    for name in names:
        if names is not ORDER or (CORE / name).exists() or (CORE / f"{name}.py").exists():
            climb(name, ())
    return height


def against() -> list[str]:
    """Every arrow that does not go down, with where it starts; empty in a house that stands."""
    rank = {name: height for height, name in enumerate(reversed(ORDER))}
    wrong = []
    for (upper, lower), places in sorted(arrows().items()):
        if upper in DOORS:
            continue
        if upper not in rank or lower not in rank or rank[upper] <= rank[lower]:
            wrong.append(f"{upper} imports {lower}: {', '.join(places)}")
    return wrong


def picture() -> str:
    """The rooms by floor as an SVG, with arrows to what each stands on, without those that follow from others."""
    height, drawn = floors(arrows()), {pair for pair in arrows() if not set(pair) & set(DOORS)}
    rows = defaultdict(list)
    for name in ORDER:
        if name in height:
            rows[height[name]].append(name)
    top, centre = max(rows), {}
    for floor, names in rows.items():
        for position, name in enumerate(names):
            centre[name] = (WIDTH * (2 * position + 1) / (2 * len(names)), STEP * (top - floor) + 40)
    lines = [_line(centre[upper], centre[lower]) for upper, lower in sorted(_reduced(drawn))]
    boxes = [_box(name, *centre[name], height[name]) for name in ORDER if name in centre]
    size = f'viewBox="0 0 {WIDTH} {STEP * (top - 1) + 80}" width="{WIDTH}"'
    style = "font-family='sans-serif' font-size='15'"
    return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' {size} {style}>", *lines, *boxes, "</svg>", ""])


def _reduced(drawn: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without the arrows that follow from two or more others."""
    below = defaultdict(set)
    for upper, lower in drawn:
        below[upper].add(lower)

    def under(name: str) -> set[str]:
        return below[name].union(*(under(lower) for lower in below[name]))

    return {(upper, lower) for upper, lower in drawn if not any(lower in under(other) for other in below[upper])}


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (u, v) = start, end
    return f"<path d='M{x:.0f} {y + 16:.0f} L{u:.0f} {v - 16:.0f}' stroke='#9ab' fill='none'/>"


def _box(name: str, x: float, y: float, floor: int) -> str:
    box = f"<rect x='{x - 62:.0f}' y='{y - 16:.0f}' width='124' height='32' rx='5' fill='#eef4fa' stroke='#357'/>"
    return f"{box}<text x='{x:.0f}' y='{y + 5:.0f}' text-anchor='middle'>{name}<title>floor {floor}</title></text>"


def show(drawn: Mapping[tuple[str, str], object], names: Collection[str] = ORDER) -> None:
    """A line for each room, the highest first."""
    for name, floor in sorted(floors(drawn, names).items(), key=lambda item: -item[1]):
        print(f"{floor:2} {name:13} {', '.join(sorted(lower for upper, lower in drawn if upper == name))}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        within = inside(CORE.joinpath(*sys.argv[1].split("/")))
        show(within, sorted({name for pair in within for name in pair}))
    else:
        show(arrows())
        print("\n".join(against()))
        PICTURE.write_text(picture(), encoding="utf-8")
