"""The support matrix as a page: markdown or HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from zif.files.wording import listed, things

if TYPE_CHECKING:
    from zif.testing.matrix import Cell, Column, Matrix

_SIGNS = {"right": "✓", "refused": "–", "wrong (kept off)": "✗ kept off", "wrong": "✗ wrong", "not tried": ""}
_LEGEND = (
    "✓: every test that is taken is right. –: refused, so that it runs elsewhere. ✗ kept off: it was seen to be wrong,"
    " and plans do not put it there. Empty: not tried. Figures: tests that were right, of all that were tried."
)


def markdown(matrix: Matrix) -> str:
    """The page as markdown: who was tried, and a table of operators, one column for each backend and target."""
    lines = ["# What runs where", "", *_preface(matrix), ""]
    titles = [_title(column) for column in matrix.columns]
    lines += ["| operator | " + " | ".join(titles) + " |", "|---|" + "---|" * len(titles)]
    for operator in matrix.operators():
        cells = (_text(matrix, column, operator) for column in matrix.columns)
        lines.append(f"| {operator} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, *_wrong(matrix)]) + "\n"


def _wrong(matrix: Matrix) -> Iterator[str]:
    """What is wrong and not kept off, a line each with the first reason."""
    wrong = [cell for cell in matrix.cells if cell.word == "wrong"]
    if wrong:
        yield from ("", "Wrong, and not kept off:", "")
    for cell in wrong:
        where = cell.backend if cell.target == "host" else f"{cell.backend}, {cell.target}"
        why = " ".join(cell.why.split()).replace("|", "\\|").replace("<", "&lt;")
        yield f"- {cell.operator} of {cell.dtype or 'no type'} on {where}" + (f": {why}" if why else "")


def html(matrix: Matrix) -> str:
    """The same as a page of its own; each cell tells its element types and the first reason when it is pointed at."""
    from jinja2 import Environment

    rows = [
        (operator, [_html_cell(matrix, column, operator) for column in matrix.columns])
        for operator in matrix.operators()
    ]
    template = Environment(autoescape=True).from_string(_PAGE)
    titles = [_title(column) for column in matrix.columns]
    return template.render(titles=titles, preface=list(_preface(matrix)), rows=rows)


def _preface(matrix: Matrix) -> Iterator[str]:
    sample = f", at most {matrix.sample} of each operator" if matrix.sample else ""
    yield f"ONNX {matrix.onnx}'s node tests{sample}, run by the kit of zif {matrix.zif}. {_LEGEND}"
    yield ""
    for column in matrix.columns:
        counts = ", ".join(f"{number} {word}" for word, number in matrix.counts(column).items())
        made = f"{column.distribution} {column.version}, {column.toolchain or 'no engine'}, {column.kind}"
        few = f", at most {column.sample} of each operator" if column.sample != matrix.sample else ""
        who = f"- {_title(column)}: {made}{few}"
        yield f"{who}: {counts or 'nothing tried'}" + ("" if column.available else f" ({column.reason})")


def _title(column: Column) -> str:
    return column.backend if column.target == "host" else f"{column.backend}, {column.target}"


def _of(matrix: Matrix, column: Column, operator: str) -> list[Cell]:
    return [cell for cell in matrix.of(column) if cell.operator == operator]


def _text(matrix: Matrix, column: Column, operator: str) -> str:
    """One cell: a sign, and by element type what is not all alike."""
    cells = _of(matrix, column, operator)
    words = {cell.word for cell in cells}
    if not cells or words == {"not tried"}:
        return ""
    right, all_ = sum(cell.counts.get("right", 0) for cell in cells), sum(sum(cell.counts.values()) for cell in cells)
    if words == {"refused"}:
        return _SIGNS["refused"]
    if words == {"right"}:
        return f"{_SIGNS['right']} {right}/{all_}"
    counted = [f"{_SIGNS[word]} {_types(cells, word)}" for word in _SIGNS if word in words and word != "not tried"]
    return f"{right}/{all_}: " + "; ".join(counted)


def _types(cells: list[Cell], word: str) -> str:
    return listed([cell.dtype or "?" for cell in cells if cell.word == word], 4)


def _html_cell(matrix: Matrix, column: Column, operator: str) -> tuple[str, str, str]:
    """Class, text, and what is told when it is pointed at."""
    cells = _of(matrix, column, operator)
    words = {cell.word for cell in cells} or {"not tried"}
    worst = next(word for word in ("wrong", "wrong (kept off)", "right", "refused", "not tried") if word in words)
    told = "; ".join(f"{cell.dtype or '?'}: {_counted(cell)}" for cell in cells)
    why = next((cell.why for cell in cells if cell.why), "")
    return worst.split()[0], _text(matrix, column, operator), f"{told}. {why}".strip(". ")


def _counted(cell: Cell) -> str:
    return ", ".join(f"{things(number, 'test')} {word}" for word, number in cell.counts.items())


_PAGE = """<!doctype html>
<meta charset="utf-8"><title>What runs where</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em } table { border-collapse: collapse }
th, td { border: 1px solid #ccc; padding: .2em .5em; text-align: left }
thead th { position: sticky; top: 0; background: #fff }
.right { background: #e3f4e3 } .refused, .not { color: #777 } .wrong { background: #fbe3e3 }
</style>
<h1>What runs where</h1>
{% for line in preface %}<p>{{ line }}</p>{% endfor %}
<table><thead><tr><th>operator</th>{% for title in titles %}<th>{{ title }}</th>{% endfor %}</tr></thead><tbody>
{% for operator, cells in rows %}<tr><th>{{ operator }}</th>
{% for kind, text, told in cells %}<td class="{{ kind }}" title="{{ told }}">{{ text }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
"""
