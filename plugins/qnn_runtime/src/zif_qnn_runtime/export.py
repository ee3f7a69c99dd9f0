"""The same graph in the two forms that Qualcomm's other tools take: a DLC file, or C source with its parameters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from zif_qnn_runtime.failures import QnnError
from zif_qnn_runtime.libraries import find
from zif_qnn_runtime.provideroptions import ProviderOptions
from zif_qnn_runtime.session import create, open_session, session_options

_FAILED = 3


def export_dlc(
    model: bytes | Path, options: ProviderOptions, folder: Path, weights: Path | None = None
) -> tuple[Path, ...]:
    """Write the model as DLC into `folder`, one file per partition; a whole model gives one.

    Only the operators' definitions are checked, not what the chip can do. Raises BackendUnavailable or QnnError.
    """
    before = set(folder.glob("*.dlc"))
    dump = {"dump_qnn_ir_dlc": "1", "dump_qnn_ir_dlc_dir": str(folder), "qnn_ir_backend_path": str(find("ir").path)}
    create(model, session_options("ir", options, provider=dump, weights=weights))
    files = tuple(sorted(set(folder.glob("*.dlc")) - before))
    if not files:
        raise QnnError("QNN wrote no DLC file", "compose")
    for file in files:
        file.chmod(0o644)
    return files


def export_source(model: Path, options: ProviderOptions, folder: Path, weights: Path | None = None) -> tuple[Path, ...]:
    """Write the calls that build the graph as C source, and its parameters: saver_output.c and params.bin in `folder`.

    QNN's saver writes into the working directory, which belongs to the whole process, so it gets a process of its own.
    Raises BackendUnavailable or QnnError.
    """
    session_options("saver", options)  # says what is missing, in this process
    program = [sys.executable, "-m", "zif_qnn_runtime.export", str(model.resolve()), str(weights or "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    settings = [f"{key}={value}" for key, value in options.chosen().items()]
    done = subprocess.run(
        [*program, *settings], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == _FAILED:
        raise QnnError(f"C source could not be written: {done.stderr.strip().splitlines()[-1]}", "compose")
    files = tuple(folder / "saver_output" / name for name in ("saver_output.c", "params.bin"))
    if done.returncode or not all(file.is_file() for file in files):
        raise QnnError(f"QNN's saver ended with code {done.returncode} and wrote nothing", "compose", raw=done.stderr)
    return files


def _main(path: str, weights: str, *settings: str) -> int:
    """The process of `export_source`: open a session on the saver, here, and never run it (its results are garbage)."""
    options = dict(setting.split("=", 1) for setting in settings)
    try:
        folder = Path(weights) if weights else None
        open_session(Path(path), "saver", ProviderOptions(), provider=options, weights=folder)
    except QnnError as error:
        print(error, file=sys.stderr)
        return _FAILED
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(*sys.argv[1:]))
