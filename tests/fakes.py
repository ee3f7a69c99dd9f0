"""Throw-away plugin distributions, and interpreters that see them and no other backend.

A `Site` holds the fake plugins that a test adds. Beside it, on the path of the interpreters that it starts, stands a
folder with zif from this checkout, a distribution of nothing but Qualcomm's chips, and links to the running
interpreter's libraries, but to no installed zif plugin.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).resolve().parents[1]

#: Claims the operators of OPS (all when it is empty) and runs them in onnx's reference evaluator.
GOOD = """
import zif
from zif import Capabilities, Rates, Verdict, hookimpl

OPS, KIND, AVAILABLE, REASON, COST, TOOLCHAIN = frozenset(), "hardware", True, "", 5.0, "fake 1.0"
RATES, EFFICIENCY = Rates({"fp32": 1e12}, 1e10), 0.5


@hookimpl
def capabilities(target, model):
    return Capabilities(
        processor="npu" if KIND == "emulator" else "cpu", kind=KIND, available=AVAILABLE, reason=REASON,
        toolchain=TOOLCHAIN, rates=RATES, power_efficiency=EFFICIENCY,
        verdicts={} if model is None else {unit.id: verdict(unit) for unit in model.units},
    )


def verdict(unit):
    if not OPS or unit.op_type in OPS:
        return Verdict(True, cost_us=COST[unit.op_type] if isinstance(COST, dict) else COST)
    return Verdict(False, code="op", reason=f"does not have {unit.op_type}")


@hookimpl
def load(compiled):
    return Run(compiled)


class Run:
    def __init__(self, compiled):
        import os, tempfile, onnx
        from onnx.reference import ReferenceEvaluator
        content = compiled.files[compiled.main]
        model = onnx.load_model_from_string(content if isinstance(content, bytes) else content.read_bytes())
        for name, path in compiled.files.items():
            if name != compiled.main and compiled.format == "onnx":
                onnx.load_external_data_for_model(model, str(path.parent))
        self.names = [value.name for value in model.graph.output]
        self.engine = ReferenceEvaluator(model)

    def run(self, inputs):
        return dict(zip(self.names, self.engine.run(self.names, dict(inputs))))

    def close(self):
        pass
"""
#: The same with a compile stage of its own, so that its artifacts are kept and go into bundles.
COMPILING = (
    GOOD
    + """

@hookimpl
def compile(converted):
    print("compiling", converted.data.name)
    content = converted.data.proto.SerializeToString()
    return zif.Compiled("fake", {"model.onnx": content, "more/notes.txt": b"made by a fake"}, "model.onnx",
                        converted.inputs, converted.outputs)
"""
)
IMPORT_RAISES = "raise RuntimeError('no luck today')"
IMPORT_EXITS = "import sys; sys.exit('gone')"
IMPORT_SLEEPS = "import time; time.sleep(3600)"
CAPABILITIES_SLEEPS = GOOD + "\n@hookimpl\ndef capabilities(target):\n    import time\n    time.sleep(3600)\n"
CAPABILITIES_RAISES = GOOD + "\n@hookimpl\ndef capabilities(target):\n    raise KeyError('soc')\n"
#: Leaves a thread behind that ends, and writes a file, only after a minute.
THREAD_LINGERS = """
import pathlib, threading, time

def late():
    time.sleep(60)
    pathlib.Path(__file__).with_name("late").touch()

thread = threading.Thread(target=late, daemon=False)
thread.start()
thread.join()
"""
NO_HOOKS = "def capabilities(target): return None\n"


@frozen
class Result:
    """What a process left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, which must be one JSON document and nothing else."""
        return json.loads(self.out)


@cache
def base() -> Path:
    """A folder that stands in for site-packages: zif, and links to everything but the zif plugins."""
    folder = Path(tempfile.mkdtemp(prefix="zif-site-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.lower().startswith(("zif", "_editable_impl_zif", "__pycache__")):
            (folder / entry.name).symlink_to(entry)
    (folder / "zif").symlink_to(ROOT / "core" / "src" / "zif")
    version = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text())["project"]["version"]
    metadata(folder, "zif", version)
    _chips(folder)
    return folder


def _chips(folder: Path) -> None:
    """The data files of zif-qnn-runtime, brought by a distribution that has no code."""
    (folder / "fake_chips").mkdir()
    for name in ("chips.json", "costs.json", "encodings.json"):
        (folder / "fake_chips" / name).symlink_to(ROOT / "plugins/qnn_runtime/src/zif_qnn_runtime" / name)
    files = {"targets": "chips", "costs": "costs", "encodings": "encodings"}
    groups = "".join(f"[zif.{group}]\nqualcomm = fake_chips:{name}.json\n" for group, name in files.items())
    (metadata(folder, "fake-chips", "1.0") / "entry_points.txt").write_text(groups)


def metadata(folder: Path, distribution: str, version: str, requires: Sequence[str] = ()) -> Path:
    """The metadata of a distribution as pip would leave it."""
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}")
    return info


class Site:
    """Fake distributions on the path of the interpreters that it starts, beside zif and nothing else of zif's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        name: str,
        source: str = GOOD,
        *,
        distribution: str = "",
        version: str = "1.0",
        requires: Sequence[str] = (),
        group: str = "zif.backends",
        **constants: Any,
    ) -> None:
        """Install a plugin whose backend is called `name`; `constants` are set at the end of its module.

        group: what it brings, if not a backend.
        """
        distribution = distribution or f"fake-{name}"
        module = distribution.replace("-", "_")
        lines = [textwrap.dedent(source), *(f"{key} = {value!r}" for key, value in constants.items())]
        (self.folder / f"{module}.py").write_text("\n".join(lines) + "\n")
        info = metadata(self.folder, distribution, version, requires)
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")

    def zif(self, *arguments: str | Path, cwd: Path | None = None, **environment: str) -> Result:
        """Run the command line, forked from a process that has imported its libraries but no plugin."""
        words = [str(word) for word in arguments]
        if not hasattr(os, "fork"):
            return self.start(["-m", "zif", *words], cwd, environment)
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            order = {"arguments": words, "environment": self.environment(**environment), "path": str(self.folder)}
            code = _order(order | {"folder": str(cwd or Path.cwd()), "out": str(out), "err": str(err)})
            return Result(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def python(self, code: str, *, cwd: Path | None = None, **environment: str) -> Result:
        """Run code in a fresh interpreter."""
        return self.start(["-c", textwrap.dedent(code)], cwd, environment)

    def start(self, arguments: Sequence[str], cwd: Path | None, environment: dict[str, str]) -> Result:
        """Run a fresh interpreter that has this site and nothing of the running one's site-packages."""
        command = [sys.executable, "-S", *arguments]
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of its interpreters: caches and settings in the site, nothing of zif's from outside."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("ZIF_", "PYTHON", "XDG_", "COLUMNS", "LINES"))
        }
        home = {f"XDG_{kind}_HOME": str(self.folder / "home" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        path = os.pathsep.join(map(str, (self.folder, base())))
        return {**kept, **home, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **more}


def _order(order: dict[str, Any]) -> int:
    zygote = _zygote()
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    zygote.stdin.write(json.dumps(order) + "\n")
    zygote.stdin.flush()
    return int(zygote.stdout.readline())


@cache
def _zygote() -> subprocess.Popen[str]:
    command = [sys.executable, "-S", str(Path(__file__).with_name("zygote.py"))]
    environment = {**os.environ, "PYTHONPATH": str(base())}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    atexit.register(process.stdin.close)
    return process
