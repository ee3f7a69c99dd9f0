"""Words for people: numbers with their unit, the first of many names, the name that was meant.

And words of strangers, harmless for people: names in a file may hold what plays with a terminal, a page or a sheet.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: What may have to be escaped; whether it has to be, `str.isprintable` says.
_ODD = re.compile(r"[^\x20-\x7e]")
_ODD_IN_JSON = re.compile(r"[^\x20-\x7e\n]")  # the end of a line is layout there: within a text it is escaped already
#: What spreadsheets take for a formula at the beginning of a cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def duration(us: float | None) -> str:
    """Microseconds as "12.3 µs", "4.5 ms" or "1.2 s"; "–" for None."""
    if us is None:
        return "–"
    for limit, scale, unit in ((1e3, 1.0, "µs"), (1e6, 1e3, "ms")):
        if abs(us) < limit:
            return f"{us / scale:.3g} {unit}"
    return f"{us / 1e6:.3g} s"


def energy(uj: float | None) -> str:
    """Microjoules as "12.3 µJ", "4.5 mJ" or "1.2 J"; "–" for None."""
    return duration(uj).replace("µs", "µJ").replace("ms", "mJ").removesuffix(" s") + (
        " J" if uj is not None and abs(uj) >= 1e6 else ""
    )


def size(count: float | None) -> str:
    """Bytes as "512 B", "1.5 KiB", "3 MiB"; "–" for None."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}" if unit != "B" else f"{value:.0f} B"
        value /= 1024
    return f"{value:.3g} GiB"


def parsed_size(text: str) -> int | None:
    """The bytes that "64M", "1.5 GiB", "20GB" or "4096" mean, in steps of 1024; None for what is no size."""
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d*)?|\.\d+)\s*([kmgt]?)(?:i?b)?\s*", text, re.IGNORECASE | re.ASCII)
    if not match:
        return None
    number = float(match[1]) if "." in match[1] else int(match[1])
    return int(number * 1024 ** " kmgt".index(match[2].lower() or " "))


def count(number: int) -> str:
    """A count with SI steps: "950", "1.2 k", "3.4 M", "5 G"."""
    value = float(number)
    for unit in ("", " k", " M"):
        if value < 1000:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} G"


def things(number: int, what: str, many: str = "") -> str:
    """A count with its noun: "1 unit", "12 units"; `many` is the plural where that is not one s more."""
    return f"{number} {what}" if number == 1 else f"{number} {many or what + 's'}"


def ratio(a: float, b: float) -> str:
    """a over b as "1.25×" or "5,294×"; "–" when b is nothing."""
    if not b:
        return "–"
    return f"{a / b:.2f}×" if a < 100 * b else f"{a / b:,.0f}×"


def share(before: float, after: float) -> str:
    """What changed, as a share of what was: "+12.5 %", "-38 %", "="; "new" when there was nothing."""
    if before == after:
        return "="
    if not before:
        return "new"
    percent = 100 * (after / before - 1)
    return f"{percent:+.1f} %".replace("-", "−") if abs(percent) >= 0.05 else "="


def operators(types: Iterable[str], shown: int = 4) -> str:
    """The most frequent operators: "Conv × 12, Relu × 11, 3 more"."""
    return tally(Counter(types), shown)


def tally(amounts: Mapping[str, int], shown: int = 4) -> str:
    """The same from counts."""
    counts = Counter(amounts)
    top = (f"{name} × {number}" if number > 1 else name for name, number in counts.most_common())
    return listed(top, shown, ", {} more")


def listed(names: Iterable[str], most: int, more: str = " …", between: str = ", ") -> str:
    """At most so many names, and `more` where there are others: "{}" in it stands for how many."""
    every = list(names)
    return between.join(every[:most]) + (more.format(len(every) - most) if len(every) > most else "")


def beyond(number: int, most: int, what: str) -> str:
    """What a table with `most` rows leaves out: "… and 12 more segments"; "" when that is nothing."""
    return f"… and {number - most} more {what}" if number > most else ""


#: What tells a reader what to do: a command, an option, a variable, a suggestion, what there is to choose from, or a
#: clause that begins with a verb for the reader. Compiled when the first error is told.
_STEP = (
    r"`[^`]+`|--[a-z]|\bZIF_[A-Z]|Did you mean|known: |known are|possible: |installed: |\bmust (be|have|name|run)|"
    r"(^|[.:;,(] |\b(or|and|to|then|first|so|please|only|it) )"
    r"(install|give|name|write|use|export|save|copy|fix|check|choose|mend|take|add|make|build|set|call|tell|load|compile|"
    r"quantize|free|convert|put|keep|pin|remove|uninstall|delete|move|pick|raise|say|try|close|declare|mark|rename|"
    r"start|reboot|download|upgrade|look|ask|leave|replace|run|read|hand|end|open) "
)


def names_step(text: str) -> bool:
    """Whether a message tells its reader what to do next, in words of its own."""
    return bool(re.search(_STEP, text, re.IGNORECASE))


def did_you_mean(word: str, known: Iterable[str], most: int = 1, shown: Callable[[str], str] = repr) -> str:
    """The question after an unknown word, with a space before it (" Did you mean 'relu'?"); "" when none is near."""
    from difflib import get_close_matches

    names = dict.fromkeys(map(shown, get_close_matches(word, list(known), most)))
    return f" Did you mean {' or '.join(names)}?" if names else ""


def brief(text: str, longest: int = 44) -> str:
    """The text with every word of more than `longest` characters (a tensor's name, mostly) cut in the middle."""
    return re.sub(r"\S+", lambda match: cut(match[0], longest), text)


def cut(word: str, longest: int = 60) -> str:
    """The text, with its middle left out when it is longer than so many characters."""
    head = longest // 3
    return word if len(word) <= longest else f"{word[:head]}…{word[head + 1 - longest :]}"


def printable(text: str, lines: bool = False) -> str:
    """The text with an escape like \\x1b or \\u202e for every character that shows nothing or moves what others show.

    lines: the ends of lines stay.
    """
    return _ODD.sub(lambda match: _escape(match[0], lines), text)


def _escape(char: str, lines: bool) -> str:
    kept = char.isprintable() or (lines and char == "\n")
    return char if kept else char.encode("unicode_escape").decode()


def paragraph(text: str) -> str:
    """A message of one or more lines, all but the first of which are set in: no name in it can begin a line of ours."""
    first, *rest = printable(text, lines=True).split("\n")
    return "\n".join([first, *(line if line[:2] in ("", "  ") else f"  {line}" for line in rest)])


def json_text(document: Any, **options: Any) -> str:
    """The document as JSON that stays readable, with what `printable` escapes as \\u escapes, which readers undo.

    options: those of `json.dumps`. Half a surrogate pair, which no JSON may hold, becomes U+FFFD.
    """
    return _ODD_IN_JSON.sub(lambda match: _json_escape(match[0]), json.dumps(document, ensure_ascii=False, **options))


def _json_escape(char: str) -> str:
    if char.isprintable():
        return char
    return "\\ufffd" if "\ud800" <= char <= "\udfff" else json.dumps(char)[1:-1]


def csv_cell(value: Any) -> Any:
    """A cell of a table for spreadsheets: text in it is text, never a formula, and shows all that it holds."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if value.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE) is not None
