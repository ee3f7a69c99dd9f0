"""What came of a trial, and where it is kept."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

import attrs
from attrs import frozen

from zif.errors import InvalidInput
from zif.files.documents import read_json
from zif.files.opening import is_plain
from zif.files.records import record
from zif.files.user_data import data_folder

SCHEMA = "zif.trial/1"


@frozen
class Outcome:
    """fine: it may be imported and run here. apart: it may be imported; what it does there was not seen, so its stages
    are done in a worker. broken: it ended or hung the process that it was tried in, at the step `at`, for `reason`.

    seconds: how long it was waited for.
    """

    state: Literal["fine", "apart", "broken"]
    at: str = ""
    reason: str = ""
    seconds: float = 0.0
    day: str = ""


def kept(digest: str, seconds: float) -> Outcome | None:
    """What is known of this content; None for nothing, and where one that was too slow may now take longer."""
    path = _path(digest)
    if path is None or not is_plain(path):
        return None
    try:
        document = read_json(path)
        told = record(Outcome, document, str(path))
    except InvalidInput:  # what cannot be read is found anew
        return None
    slow = told.state == "broken" and seconds > told.seconds
    return None if document.get("schema") != SCHEMA or slow else told


def keep(digest: str, outcome: Outcome) -> None:
    """Keep it; where that cannot be, it is found anew by the next process."""
    from zif.files.wording import json_text
    from zif.files.writing import write_whole  # what writes takes longer to import than to read what was kept

    path = _path(digest)
    if path is not None:
        import datetime

        day = datetime.date.today().isoformat()
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json_text({"schema": SCHEMA, **attrs.asdict(attrs.evolve(outcome, day=day))}) + "\n")


def forget_broken() -> None:
    """Forget those that ended or hung their process, so that they are tried again."""
    place = _folder()
    for name in os.listdir(place) if place is not None and place.is_dir() else ():
        digest = name.removesuffix(".json")
        known = kept(digest, 0.0)
        if known is not None and known.state == "broken":
            with suppress(OSError):
                (place / name).unlink(missing_ok=True)  # type: ignore[operator]


def _folder() -> Path | None:
    place = data_folder()
    return place and place / "trials"


def _path(digest: str) -> Path | None:
    place = _folder()
    return place and place / f"{digest[:32]}.json"
