"""docs/files.md repeats what the code says: the limits, the pictures, the names of options and variables."""

from __future__ import annotations

import re
from pathlib import Path

from zif.files import limits, pictures
from zif.files.wording import size
from zif.inputs.files import IMAGES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a title."""
    lines = PAGE.split(f"## {title}\n")[1].split("\n## ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]


def test_every_limit_is_there_as_it_is() -> None:
    known = {
        limit.environment: size(limit.default) if limit.bytes else f"{limit.default:,}"
        for limit in vars(limits).values()
        if isinstance(limit, limits.Limit)
    }
    assert {row[0].strip("`"): row[1] for row in rows("How much")} == known
    assert f"above {size(limits.FREELY)} may become" in PAGE


def test_what_is_fixed_is_told() -> None:
    flat = " ".join(PAGE.split())
    for words in (
        f"nesting deeper than {limits.DEPTH} are refused",
        f"{limits.DEPTH} lists and objects",
        f"{limits.DIGITS} digits",
        f"{limits.HEADER:,} bytes of an .npy's header",
        f"{limits.RANK} dimensions",
        f"{limits.NESTING} bodies",
        f"{limits.MEMBERS:,} members",
        f"{limits.NAME:,} characters, {limits.PARTS} folders deep, {limits.PART} bytes",
    ):
        assert words in flat, words


def test_the_pictures_are_those_that_are_read() -> None:
    (row,) = (row for row in rows("What is read") if row[0] == "picture")
    endings, _, formats = row[2].partition("; told by content: ")
    assert set(endings.split()) == IMAGES
    assert tuple(formats.split(", ")) == pictures._FORMATS


def test_every_option_and_variable_exists() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in ROOT.glob("core/src/zif/cli/**/*.py"))
    source += "\n".join(file.read_text(encoding="utf-8") for file in ROOT.glob("plugins/quantize/src/**/*.py"))
    for option in re.findall(r"`(--[\w-]+)`", PAGE):
        assert f'"{option}"' in source, option
    everything = "\n".join(file.read_text(encoding="utf-8") for file in ROOT.glob("core/src/**/*.py"))
    for variable in re.findall(r"`(ZIF_\w+)", PAGE):
        assert variable in everything, variable


def test_the_front_door_has_what_the_page_names() -> None:
    from zif import plugin

    named = re.search(r"by `zif.plugin`\s\((.+?)\)", PAGE)
    assert named is not None
    assert set(re.findall(r"`(\w+)`", named[1])) <= set(plugin.__all__)


def test_the_page_is_linked() -> None:
    assert "docs/files.md" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "files.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
