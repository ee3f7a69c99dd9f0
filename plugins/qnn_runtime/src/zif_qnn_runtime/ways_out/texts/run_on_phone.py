"""Push the segments beside this file to a phone, run each with qnn-net-run, and hold the outputs against expected ones.

    python run_on_phone.py --sdk /opt/qcom/aistack/qairt/2.x

Needs adb and Qualcomm's SDK (QNN_SDK_ROOT) for Android; Python alone here. Exit code 0: every output is close enough;
1: one is not; 2: the SDK or a file lacks; 3: adb or the tool on the phone failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import compare  # type: ignore[import-not-found]  # it lies beside this file

HERE = Path(__file__).resolve().parent
#: Clocks and load, read before and after the runs. What a phone does not let a shell read is said so.
METERS = (
    "/sys/class/devfreq/soc:qcom,cpu*-cpu-ddr-latfloor/cur_freq",
    "/sys/class/kgsl/kgsl-3d0/gpuclk",
    "/sys/kernel/debug/msm_vidc/load",
)


class Failed(Exception):
    """adb, or what it ran, did not succeed."""


class Phone:
    """A phone behind adb."""

    def __init__(self, adb: str, serial: str) -> None:
        self.adb = [*shlex.split(adb, posix=os.name == "posix"), *(["-s", serial] if serial else [])]

    def call(self, *words: str | Path) -> str:
        """What adb says. Raises Failed."""
        done = subprocess.run([*self.adb, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"adb {' '.join(map(str, words))}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def shell(self, command: str) -> str:
        """What a command on the phone says."""
        return self.call("shell", command)


def from_sdk(sdk: Path, arch: int) -> list[Path]:
    """What the phone needs of the SDK, as the job names it."""
    libraries = ["libQnnHtp.so", "libQnnSystem.so", "libQnnHtpNetRunExtensions.so", f"libQnnHtpV{arch}Stub.so"]
    files = [sdk / "bin" / "aarch64-android" / "qnn-net-run"]
    files += [sdk / "lib" / "aarch64-android" / name for name in libraries]
    files += [sdk / "lib" / f"hexagon-v{arch}" / "unsigned" / f"libQnnHtpV{arch}Skel.so"]
    lacking = [str(file) for file in files if not file.is_file()]
    if lacking:
        raise FileNotFoundError("the SDK lacks " + ", ".join(lacking))
    return files


def meters(phone: Phone) -> dict[str, str]:
    """What the meters say now."""
    read = {}
    for path in METERS:
        said = phone.shell(f"for f in {path}; do cat $f 2>/dev/null && continue; echo not readable; done")
        read[path] = " ".join(said.split()) or "not there"
    return read


def run(phone: Phone, segment: dict[str, Any], remote: str) -> Path:
    """One segment on the phone; where its outputs are, here."""
    place = f"{remote}/{segment['name']}"
    phone.call("push", HERE / segment["name"], f"{remote}/")
    line = " ".join(map(shlex.quote, segment["command"])).replace("@REMOTE@", remote)
    paths = f"LD_LIBRARY_PATH={remote} ADSP_LIBRARY_PATH='{remote};/vendor/lib/rfsa/adsp;/vendor/dsp/cdsp'"
    print(phone.shell(f"cd {place} && rm -rf output && {paths} {line}").strip())
    output = HERE / "from-phone" / str(segment["name"])
    output.mkdir(parents=True, exist_ok=True)
    phone.call("pull", f"{place}/output/.", output)
    return output


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sdk", type=Path, default=os.environ.get("QNN_SDK_ROOT"))
    parser.add_argument("--adb", default="adb", help="the program, such as a full path")
    parser.add_argument("--serial", default="", help="which phone of several, as adb devices lists them")
    parser.add_argument("--remote", default="/data/local/tmp/zif")
    parser.add_argument("--min-db", type=float, default=40.0)
    arguments = parser.parse_args()
    job = json.loads((HERE / "job.json").read_text(encoding="utf-8"))
    try:
        if arguments.sdk is None:
            raise FileNotFoundError("--sdk or QNN_SDK_ROOT names Qualcomm's SDK, which has qnn-net-run for Android")
        files = from_sdk(Path(arguments.sdk), job["htp_arch"])
        phone = Phone(arguments.adb, arguments.serial)
        print("the phone says:", phone.shell("getprop ro.soc.model").strip(), "- compiled for:", job["target"])
        phone.shell(f"mkdir -p {arguments.remote}")
        for file in files:
            phone.call("push", file, f"{arguments.remote}/")
        phone.shell(f"chmod 755 {arguments.remote}/qnn-net-run")
        before = meters(phone)
        outputs = {segment["name"]: run(phone, segment, arguments.remote) for segment in job["segments"]}
        after = meters(phone)
        close = [compare.compare(HERE / name, output, arguments.min_db) for name, output in outputs.items()]
    except Failed as error:
        print(error, file=sys.stderr)
        return 3
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    for path in METERS:
        print(f"{path}: {before[path]} before, {after[path]} after")
    return 0 if all(close) else 1


if __name__ == "__main__":
    sys.exit(main())
