"""Hold what a tool wrote against what must come out: `python compare.py SEGMENT OUTPUT`. Needs Python 3.10 alone.

SEGMENT: a folder of this export. OUTPUT: what the tool wrote for it, with Result_0, Result_1 ... Exit code 0: every
output is within the bound (--min-db, 40 dB of the expected values over the difference); 1: one is not; 2: files lack.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import struct
import sys
from pathlib import Path

#: How struct reads an element.
CODES = {"float32": "f", "float64": "d", "float16": "e", "bool": "?", "int8": "b", "uint8": "B", "int16": "h"}
CODES.update({"uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q"})


def values(data: bytes, dtype: str) -> tuple[float, ...]:
    """The numbers in raw data, little-endian."""
    code = CODES[dtype]
    return struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)


def file_of(folder: Path, name: str) -> Path | None:
    """The file that a tool wrote for an output: its name with what files cannot have replaced, maybe with _native."""
    wanted = {re.sub(r"\W", "_", name), re.sub(r"\W", "_", name) + "_native"}
    for path in sorted(folder.rglob("*.raw")):
        if re.sub(r"\W", "_", path.relative_to(folder).with_suffix("").as_posix()) in wanted:
            return path
    return None


def decibels(expected: tuple[float, ...], values: tuple[float, ...]) -> float:
    """10 log10 of the energy of what is expected over that of the difference; infinite without one."""
    noise = sum((a - b) ** 2 for a, b in zip(expected, values, strict=True))
    signal = sum(a * a for a in expected)
    if math.isnan(noise):
        return -math.inf
    return math.inf if not noise else (10 * math.log10(signal / noise) if signal else -math.inf)


def compare(segment: Path, output: Path, least: float) -> bool:
    """A line for each output of each set, and whether all are close enough."""
    told, close = json.loads((segment / "io.json").read_text(encoding="utf-8")), True
    for number in range(told["sets"]):
        for place, info in enumerate(told["outputs"]):
            path = file_of(output / f"Result_{number}", info["name"])
            if path is None:
                raise FileNotFoundError(f"{output / f'Result_{number}'} has no file of the output {info['name']}")
            expected = (segment / "expected" / str(number) / f"{place:02d}.raw").read_bytes()
            data = path.read_bytes()
            if len(data) != len(expected):
                print(f"{segment.name} set {number} {info['name']}: {len(data)} bytes instead of {len(expected)}")
                close = False
                continue
            ratio = decibels(values(expected, info["dtype"]), values(data, info["dtype"]))
            print(f"{segment.name} set {number} {info['name']}: {ratio:.1f} dB")
            close = close and ratio >= least
    return close


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("segment", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--min-db", type=float, default=40.0)
    arguments = parser.parse_args()
    try:
        return 0 if compare(arguments.segment, arguments.output, arguments.min_db) else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
