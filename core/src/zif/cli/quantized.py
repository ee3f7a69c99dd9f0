"""A quantized model and its encodings as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

    from zif.quantization.encodings import Encodings


def save(model: onnx.ModelProto, encodings: Encodings, output: Path, format: str) -> Path:
    """Write the model and its encodings beside it, each whole or not at all; the path of the encodings."""
    from zif.cli.files import write, write_text
    from zif.quantization.encodings import write as written

    data = model.SerializeToString()
    text = json.dumps(written(encodings, format), indent=1) + "\n"
    write(output, lambda stream: stream.write(data))
    write_text(beside(output), text)
    return beside(output)


def beside(output: Path) -> Path:
    """Where the encodings of a model go."""
    return output.with_name(f"{output.stem}.encodings.json")
