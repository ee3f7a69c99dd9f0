"""What to type to install something, so that it works where it is read: no package index has zif's own distributions.

An extra of what is installed is told as the packages that it stands for, which any index has; a distribution of zif's
own as its folder where zif runs from a checkout, and else by name, with where it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from zif.files.checkout import folders, normal

_NAME = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[(?P<extra>[^\]]*)\])?(?P<rest>.*)")
#: Behind a command that names what no index has; the page has a command for the folder of wheels.
FROM_WHEELS = "--find-links WHEELS"
WHERE = "(no package index has it: docs/hosts.md, Installing, makes WHEELS from zif's repository)"


def to_install(requirement: str) -> str:
    """A command of pip for a requirement such as "zif-reference", "zif[image]" or "onnx>=1.18"."""
    words = list(dict.fromkeys(_words(requirement)))
    unlisted = any(_is_ours(word) for word in words)
    command = " ".join(["pip install", *([FROM_WHEELS] if unlisted else []), *map(_quoted, words)])
    return f"{command} {WHERE}" if unlisted else command


def _words(requirement: str) -> Iterator[str]:
    match = _NAME.fullmatch(requirement.strip())
    if not match:
        yield requirement
        return
    needs = _of_extra(match["name"], match["extra"]) if match["extra"] else []
    if needs:
        for need in needs:
            yield from _words(need)
        return
    folder = folders().get(normal(match["name"]))
    yield f"{folder}[{match['extra']}]" if folder and match["extra"] else folder or requirement


def _of_extra(name: str, extra: str) -> list[str]:
    """What an extra of an installed distribution adds; nothing where that is not to be told."""
    import importlib_metadata as metadata
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        needs = [Requirement(text) for text in metadata.requires(name) or ()]
    except (metadata.PackageNotFoundError, InvalidRequirement):
        return []
    added = [need for need in needs if need.marker and not need.marker.evaluate({"extra": ""})]
    added = [need for need in added if need.marker and need.marker.evaluate({"extra": extra})]
    return [f"{need.name}{'[' + ','.join(need.extras) + ']' if need.extras else ''}{need.specifier}" for need in added]


def _is_ours(word: str) -> bool:
    return re.match(r"zif(-|$|\W)", normal(word)) is not None


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./:\\-]+", word) else f"'{word}'"
