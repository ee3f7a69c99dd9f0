"""What tests run in a process of its own, since it may take the process down."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

import zif


def run(answer: Connection, model: bytes, inputs: dict[str, Any], backend: str) -> None:
    """Send what a run on a backend gives, as text: the outputs, or the error."""
    try:
        with zif.load(model, only=[backend], cache=False) as session:
            said = " ".join(str(value.tolist()) for value in session.run(inputs).values())
    except zif.ZifError as error:
        said = f"{type(error).__name__} {error.exit_code} {error}"
    answer.send(said[:4000])
