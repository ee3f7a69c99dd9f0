"""A quantized model and its encodings as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from zif import UsageError

if TYPE_CHECKING:
    import onnx

    from zif_quantize.qdq import Encodings


def save(model: onnx.ModelProto, encodings: Encodings, output: Path, format: str) -> Path:
    """Write the model and its encodings beside it, both or, when one cannot be written, neither.

    Gives the path of the encodings. Raises UsageError.
    """
    from zif.plugin import write_all

    from zif_quantize.qdq import write as written

    data = model.SerializeToString()
    text = (json.dumps(written(encodings, format), indent=1) + "\n").encode()
    write_all({output: lambda stream: stream.write(data), beside(output): lambda stream: stream.write(text)})
    return beside(output)


def check_format(name: str) -> None:
    """Raise UsageError where no format of encodings has this name."""
    from zif.plugin import FORMATS, encodings_format

    try:
        encodings_format(name)
    except UsageError:
        raise UsageError(f"--encodings-format {name}: must be one of {', '.join(FORMATS)}") from None


def beside(output: Path) -> Path:
    """Where the encodings of a model go."""
    return output.with_name(f"{output.stem}.encodings.json")
