"""What this machine says of itself, and which chip that makes it: facts of the system against the chips' data."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from zif.records import Target

#: Where each fact comes from; a chip's `machine` table has phrases for them.
FACTS: Mapping[str, str] = {
    "compatible": "the device tree's compatible list, /proc/device-tree/compatible",
    "soc": "the name that the kernel gives the chip, /sys/devices/soc0/machine",
    "soc_id": "the number that the kernel gives the chip, /sys/devices/soc0/soc_id",
    "cpu": "the processor's name, from /proc/cpuinfo or the registry of Windows",
}
_MARKS = re.compile(r"\((r|tm|c)\)|[®™©]", re.IGNORECASE)


def facts(root: Path = Path("/")) -> dict[str, tuple[str, ...]]:
    """What the operating system says, by the names of FACTS. `root` is where /proc and /sys lie."""
    cpu = re.findall(r"^(?:model name|Hardware)\s*:\s*(.+)$", text(root / "proc/cpuinfo"), re.MULTILINE)
    phrases = {
        "compatible": text(root / "proc/device-tree/compatible").split("\0"),
        "soc": [text(root / "sys/devices/soc0/machine")],
        "soc_id": [text(root / "sys/devices/soc0/soc_id")],
        "cpu": [*dict.fromkeys(cpu), windows_name()],
    }
    return {fact: tuple(word.strip() for word in words if word.strip()) for fact, words in phrases.items()}


def recognise(chips: Sequence[Target], said: Mapping[str, Sequence[str]]) -> Target | None:
    """The chip with the longest phrase that the machine says, the first of equals; None when it says none.

    A phrase counts as said when it stands there as whole words, in whatever case and without trade marks.
    """
    best = max(chips, key=lambda chip: _said(chip, said), default=None)
    return best if best is not None and _said(best, said) else None


def _said(chip: Target, said: Mapping[str, Sequence[str]]) -> int:
    """The length of the chip's longest phrase that is said; 0 for none."""
    return max(_lengths(chip.machine, said), default=0)


def _lengths(phrases: Mapping[str, Sequence[str]], said: Mapping[str, Sequence[str]]) -> Iterator[int]:
    for fact, wanted in phrases.items():
        lines = [_plain(line) for line in said.get(fact, ())]
        for phrase in map(_plain, wanted):
            if any(phrase in line and _as_words(phrase, line) for line in lines):
                yield len(phrase)


def _as_words(phrase: str, line: str) -> bool:
    return re.search(rf"(?<![a-z0-9+]){re.escape(phrase)}(?![a-z0-9+])", line) is not None


def _plain(words: str) -> str:
    return " ".join(_MARKS.sub(" ", words).lower().split())


def windows_name() -> str:
    """The processor's name in the registry of Windows; "" elsewhere."""
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    except OSError:
        return ""


def text(path: Path) -> str:
    """What a file of the operating system holds; "" when it is not there or may not be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
