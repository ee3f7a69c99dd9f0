"""What is asked of the toolkit, and what it says: these records cross to the process that has it imported."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class Job:
    """One model to build for one chip. model: the ONNX file, in a private folder that may be written to."""

    model: Path
    platform: str
    optimization_level: int = 3
    compress_weight: bool = False
    single_core_mode: bool = False
    flash_attention: bool = False


@frozen
class Outcome:
    """How a step ended: `error` "" when it did what it should, else what was raised; `log` is what was printed for it.

    left_out: rules of the compiler that fail on this model, and that it was built without.
    """

    error: str = ""
    log: str = ""
    left_out: tuple[str, ...] = ()
