"""`--for android`: the context binaries of a plan with a script that pushes them, runs them and compares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from zif import UsageError
from zif.plugin import Exported, Exporter

from zif_qnn_runtime.ways_out.classic import Options, own_text
from zif_qnn_runtime.ways_out.pieces import extensions, pieces, written
from zif_qnn_runtime.ways_out.tools import TOOLS, words

if TYPE_CHECKING:
    from zif.plugin import Export

#: What the script puts in the place of the folder on the phone.
REMOTE = "@REMOTE@"


def android(job: Export, options: Options) -> Exported:
    """Context binaries, inputs, expected outputs, and run_on_phone.py."""
    pieces_ = pieces(job, ())
    archs = {piece.arch for piece in pieces_}
    if None in archs or len(archs) != 1:
        raise UsageError(f"the plan of {job.name} does not say for which Hexagon it is: --target names a Snapdragon")
    made = {
        name: content
        for piece in pieces_
        for name, content in (*written(piece), *extensions(piece, options.perf_profile))
        if not name.startswith((f"{piece.name}/source/", f"{piece.name}/graph"))
    }
    segments = [{"name": piece.name, "command": command(options.perf_profile)} for piece in pieces_]
    told = {"model": job.name, "target": job.target, "htp_arch": pieces_[0].arch, "segments": segments}
    made["job.json"] = (json.dumps(told, indent=1) + "\n").encode()
    page = own_text("android.md").format(name=job.name, target=job.target, qnn=pieces_[0].qnn, arch=pieces_[0].arch)
    made["README.md"] = f"{page}\n- {TOOLS['qnn-net-run'].page}\n".encode()
    made |= {name: own_text(name).encode() for name in ("run_on_phone.py", "compare.py")}
    notes = ["run_on_phone.py --sdk DIR pushes, runs and compares; README.md says what it needs"]
    others = (
        sorted({segment.backend for segment in job.plan.segments} - {"qnn_htp"})
        if len(pieces_) < len(job.plan.segments)
        else []
    )
    if others:
        notes.append(
            f"the plan's segments on {', '.join(others)} are not in it; `--for onnxruntime` takes the whole plan"
        )
    return Exported(made, notes=tuple(notes), facts={"segments": [piece.name for piece in pieces_]})


def command(profile: str) -> list[str]:
    """The words of qnn-net-run on the phone, in a segment's folder."""
    return words(
        "qnn-net-run",
        ("--backend", f"{REMOTE}/libQnnHtp.so"),
        ("--retrieve_context", "context.bin"),
        ("--input_list", "input_list.txt"),
        ("--output_dir", "output"),
        "--use_native_input_files",
        "--use_native_output_files",
        ("--config_file", "backend_extensions.json"),
        ("--perf_profile", profile),
        path=REMOTE,
    )


ANDROID = Exporter(
    "Context binaries for a phone, with a script over adb that runs and compares", android, Options, folder=True
)
