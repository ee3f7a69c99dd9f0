"""The words of a sweep: stages in the order of a model's life, and precisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zif import UsageError
from zif.plugin import did_you_mean

STAGES = ("plan", "compile", "verify", "run", "eval", "profile")

#: float: the file as it is, which must be in floating point. ready: the file as it is, whatever it is in.
PRECISIONS = ("float", "w8a8", "w8a16", "w4a16", "w16a16", "w8", "ready")

#: Those that a plan can assume of a float model without quantizing it.
ASSUMABLE = ("w8a8", "w8a16")


def stages_of(texts: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The stages in their order, and the function of `eval module:function`. Raises UsageError."""
    words, function = [], ""
    for text in texts:
        word, _, rest = text.strip().partition(" ")
        if word == "eval" and rest.strip():
            function = rest.strip()
        elif rest:
            raise UsageError(f"the stage {text!r}: only eval has a word behind it, FILE.py:FUNCTION")
        words.append(_known(word, STAGES, "stage"))
    return tuple(sorted(dict.fromkeys(words), key=STAGES.index)), function


def precisions_of(words: Iterable[str]) -> tuple[str, ...]:
    """The precisions, each once. Raises UsageError."""
    return tuple(dict.fromkeys(_known(word.strip(), PRECISIONS, "precision") for word in words))


def _known(word: str, known: Sequence[str], what: str) -> str:
    if word not in known:
        raise UsageError(f"no {what} is called {word!r}.{did_you_mean(word, known)} Known are {', '.join(known)}")
    return word
