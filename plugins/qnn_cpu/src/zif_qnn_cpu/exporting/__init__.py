"""`zif export --for onnxruntime`: the whole plan as one ONNX file that any ONNX Runtime with the same providers runs.

What may come in: putting the segments together, and the word that finds it. Nothing of this opens a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from zif.plugin import Exporter

if TYPE_CHECKING:
    from zif.plugin import Export, Exported


@attrs.frozen
class Options:
    """How the file is written."""

    embed: bool = attrs.field(
        default=False, metadata={"help": "What was compiled goes into the ONNX file, not beside it."}
    )


def _write(job: Export, options: Options) -> Exported:
    from zif_qnn_cpu.exporting.whole import export

    return export(job, options.embed)


def _write_package(job: Export, options: Options) -> Exported:
    from zif_qnn_cpu.exporting.package import export_package

    return export_package(job, options.embed)


PACKAGE = Exporter(
    "A model package of ONNX Runtime: a variant of the plan for each chip of the bundle.",
    _write_package,
    Options,
    folder=True,
)
EXPORTER = Exporter(
    "The whole plan as one ONNX file: what was compiled as EPContext nodes, the rest as it was.", _write, Options
)
