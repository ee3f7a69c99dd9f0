"""What the toolkit prints, read: where each operator goes and what it costs, and what went wrong in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import frozen

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: A row of the compiler's table: number, operator, type, where it runs, and at the end what it costs and whose it is.
_ROW = re.compile(
    r"RKNN: \[[\d:.]+\] +\d+ +(?P<op>\w+) +(?P<dtype>\w+) +(?P<place>NPU|CPU|GPU) +(?P<shapes>.*?)"
    r" +(?P<ddr>\d+)/(?P<npu>\d+)/(?P<total>\d+) .*?(?P<name>[\w.#/:-]+) *$"
)
_NOISE = ("Unkown op target",)
_ERROR = re.compile(r"^E (?:RKNN: \[[\d:.]+\] )?(?:\w+: )?(.*)$")
_RAISED = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception|Fail|InvalidArgument|NotImplemented|InvalidGraph)): ?(.*)$")
_EMPTY = frozenset({"", "AssertionError", "ValueError"})


@frozen
class Row:
    """One operator as the compiler placed it. name is that of the node which it was, or was made of."""

    op_type: str
    dtype: str
    place: str
    cycles: int
    name: str


def table(log: str) -> list[Row]:
    """The compiler's rows in their order, without those of inputs and outputs."""
    rows = (_ROW.search(line) for line in plain(log).splitlines() if "RKNN: [" in line)
    operators = [row for row in rows if row and row["op"] not in ("InputOperator", "OutputOperator")]
    return [Row(row["op"], row["dtype"], row["place"], int(row["total"]), row["name"]) for row in operators]


def results(log: str) -> dict[str, str]:
    """The shape of every output as the compiler has it, "(1,3,4)", by name."""
    made = {}
    for line in plain(log).splitlines():
        row = _ROW.search(line) if "OutputOperator" in line else None
        if row:
            made[row["name"].partition(":")[2]] = row["shapes"].split()[0]
    return made


def left_out(rules: Sequence[str]) -> tuple[str, ...]:
    """What is to be said of rules of the compiler that fail on a model."""
    return tuple(f"built without the compiler's rule {rule}, which fails on this model" for rule in rules)


def plain(log: str) -> str:
    """Without colours."""
    return _COLOURS.sub("", log)


def complaint(error: str, log: str) -> str:
    """What went wrong, in one sentence: what the toolkit said at last, in its own words."""
    for said in (*_raised(error), *_printed(log), *_raised(log)):
        if said:
            return said[:300]
    return (plain(error).strip().splitlines() or ["no reason given"])[-1][:300]


def _raised(text: str) -> Iterator[str]:
    """The last exceptions of a traceback that say something, with their kind where that is a part of it."""
    for line in reversed(plain(text).splitlines()):
        match = _RAISED.match(line.strip())
        if match and match[2].strip() not in _EMPTY and "Traceback" not in match[2]:
            kind = f"{match[1]}: " if match[1] not in ("ValueError", "RuntimeError", "AssertionError") else ""
            yield _tidy(kind + match[2])


def _printed(log: str) -> Iterator[str]:
    for line in reversed(plain(log).splitlines()):
        match = _ERROR.match(line.strip())
        text = match[1].strip() if match else ""
        if text and "Traceback" not in text and not text.startswith(_NOISE):
            yield _tidy(text)


def _tidy(text: str) -> str:
    words = " ".join(text.split())
    words = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", words)
    return re.sub(r"/\S+/(\w+\.(cc|py)):\d+ ?", "", words).rstrip("!. ")


#: First match wins: what a sentence says, and its code.
_CODES = (
    (r"need to be constant|dynamic graph", "attribute"),
    (r"No Op registered|not a registered|[Uu]nsupport(ed)? op|not support.*\bop\b|KeyError: '[A-Z]\w+'", "op"),
    (r"opset", "opset"),
    (r"data ?type|dtype|Type Error|Tensor Type|NOT_IMPLEMENTED|Could not find an implementation", "dtype"),
    (r"do_quantization", "precision"),
    (r"shape|rank|dim", "rank"),
    (r"attribute|mode|axes|axis|pads?\b|kernel", "attribute"),
)


def code_of(sentence: str) -> str:
    """The code of a refusal."""
    return next((code for pattern, code in _CODES if re.search(pattern, sentence)), "probe-failed")
