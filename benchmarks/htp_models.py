"""Every model of the zoo on its real input, planned and run for a chip: what runs where, and how near the answer is.

`zif.load(model, target="snapdragon-8-gen-3")`, against ONNX Runtime's CPU without optimizations: cosine over each
output, the least counts. On x86-64 the HTP is Qualcomm's emulator: its seconds say nothing of the chip. The table goes
to out/htp-models.md, too.

    python benchmarks/htp_models.py [NAME…] [--forms w8a8 w8a16]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from qnn_htp.as_user import CHIP, FORMS, Row, row  # noqa: E402
from zif import ZifError  # noqa: E402
from zoo import ZooUnavailable, all_entries  # noqa: E402

HEADINGS = ("model", "units by backend", "segments", "cosine", "its task", "load s", "run s", "events")
#: Float networks whose quantized form is measured as well.
QUANTIZED = ("mtcnn-rnet", "mtcnn-onet", "ppocr-rec", "efficientnet-lite0")


def cells(row: Row) -> tuple[str, ...]:
    where = ", ".join(f"{name} ({row.kinds[name]}) {count}" for name, count in sorted(row.placed.items()))
    told = f"{row.answer or '–'}" + ("" if row.good else " (WRONG)")
    seconds = f"{row.load_s:.2f}", f"{row.run_s:.2f}"
    return (
        row.name,
        where,
        str(sum(row.segments.values())),
        f"{row.cosine:.6f}",
        told,
        *seconds,
        "; ".join(row.events),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--forms", nargs="*", default=list(FORMS))
    arguments = parser.parse_args()
    lines = [f"# Models of the zoo for {CHIP}", "", *(f"| {' | '.join(words)} |" for words in (HEADINGS, ["---"] * 8))]
    print("\n".join(lines))
    for entry in all_entries():
        if arguments.names and entry.name not in arguments.names:
            continue
        for form in ("", *(arguments.forms if entry.name in QUANTIZED else ())):
            try:
                told = cells(row(entry, form))
            except (ZooUnavailable, ZifError) as error:
                told = (f"{entry.name} {form}", f"{type(error).__name__}: {str(error).splitlines()[0]}", *[""] * 6)
            lines.append(f"| {' | '.join(told)} |")
            print(lines[-1], flush=True)
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out" / "htp-models.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
