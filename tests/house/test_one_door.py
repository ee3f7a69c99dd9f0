"""Files are opened behind one door, `zif.files`; who opens one elsewhere stands in a short list, with the reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(file for pattern in ("core/src", "plugins/*/src") for file in ROOT.glob(f"{pattern}/**/*.py"))
DOOR = ROOT / "core" / "src" / "zif" / "files"

#: Methods of paths and streams that open, and functions of modules that do, by module; "*" is all of a module.
METHODS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "tofile", "open_text", "open_binary"}
FUNCTIONS = {
    "os": {"open", "fdopen", "popen"},
    "io": {"open", "open_code", "FileIO"},
    "codecs": {"open"},
    "json": {"load", "loads"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move", "rmtree", "make_archive", "unpack_archive"},
    "np": {"load", "fromfile", "loadtxt", "genfromtxt", "memmap", "save", "savez", "savez_compressed", "savetxt"},
    "onnx": {"load", "load_model", "load_tensor", "save", "save_model", "save_tensor", "hub"},
    "pickle": {"load", "loads", "Unpickler"},
    "Image": {"open"},
    "runpy": {"run_path"},
}
#: Modules of which everything does.
WHOLE = ("tomllib", "zipfile", "tarfile", "gzip", "bz2", "lzma", "marshal", "shelve", "dbm", "sqlite3", "yaml")
WHOLE += ("configparser", "ImageFile", "linecache", "fileinput")
FUNCTIONS |= {name: {"*"} for name in WHOLE}
FUNCTIONS["numpy"] = FUNCTIONS["np"]

SHIPPED = "a table that is shipped beside the code"
SYSTEM = "a file of the operating system"
ENGINE = "what the engine has just written into a private folder that zif made for it"
OWN = "JSON that zif made of its own values in the same breath"
WORKER = "messages of a worker, over a socket that nobody else has"
KIT = "files that the kit for authors of backends makes for itself"
GROUND = "the cache's own ground: by folders that are held open, past no link"

EXPORTED = "a script of an export, which runs where zif is not, on the files beside it"
#: Who opens a file elsewhere: the calls, and why they are no reading of a stranger's file.
EXCEPTIONS = {
    "zif/backends/environments/make.py": (
        {"shutil.rmtree"},
        "an environment that zif made, by its mark",
    ),
    "zif/backends/environments/own_wheel.py": (
        {".read_bytes", "zipfile.*"},
        "zif's own files, into its wheel",
    ),
    "zif/backends/isolation/channel.py": ({"json.loads"}, WORKER),
    "zif/backends/isolation/codec.py": ({"json.loads"}, WORKER),
    "zif/backends/isolation/child.py": (
        {"os.open", "pickle.loads"},
        "the null device; what it pickled itself, for its own next stage",
    ),
    "zif/backends/isolation/forked.py": ({"os.fdopen"}, "its end of a pipe to its own copy"),
    "zif/backends/isolation/pool.py": ({"shutil.rmtree"}, "the scratch folder of workers, which zif made"),
    "zif/files/patience.py": ({".read_text"}, SYSTEM),
    "zif/cli/allowance.py": ({".read_text"}, SYSTEM),
    "zif/cli/streams.py": ({"os.open", "os.fdopen"}, "the standard streams, and the null device in their place"),
    "zif/cli/files.py": ({"shutil.copy2"}, "a file that is about to be replaced, to put it back"),
    "zif/evaluation/profiling/memory.py": ({".read_text", ".write_text"}, SYSTEM),
    "zif/evaluation/drift/child.py": ({"os.fdopen"}, "its own stdout, on which it answers"),
    "zif/artifacts/sealing.py": ({"json.loads"}, OWN),
    "zif/artifacts/bundle/replace.py": ({"shutil.rmtree"}, "a folder that zif made beside the bundle"),
    "zif/artifacts/cache/entry.py": ({".write_bytes"}, "into a draft of an entry, which zif made"),
    "zif/artifacts/cache/ground.py": ({"os.open", "os.fdopen"}, GROUND),
    "zif/artifacts/cache/key.py": ({"json.loads"}, OWN),
    "zif/artifacts/cache/removal.py": ({"os.open", "shutil.rmtree"}, GROUND),
    "zif/artifacts/cache/shared/objects.py": ({".open"}, "objects of a store: hashed, and their index signed"),
    "zif/artifacts/cache/store.py": ({"shutil.rmtree"}, "a draft of an entry, which zif made"),
    "zif/runtime/dropin/launch.py": ({"runpy.run_path"}, "the user's own program, which the user starts with it"),
    "zif/runtime/frontends/child.py": ({"os.fdopen"}, "its own stdout, on which it answers"),
    "zif/artifacts/userkey.py": (
        {"os.open"},
        "the user's own key: owner, mode and size are looked at, no link followed",
    ),
    "zif/schemas/__init__.py": ({"json.loads", ".read_text"}, SHIPPED),
    "zif/targets/machine.py": ({".read_text"}, SYSTEM),
    "zif/testing/journal.py": ({".read_text", ".open", "json.loads"}, KIT),
    "zif/testing/run.py": ({".read_text", "json.loads"}, KIT),
    "zif/testing/scaffold/write.py": ({".write_text"}, "the files of a new plugin, in a folder that must be empty"),
    "zif/testing/suite/test_behaviour.py": ({".open", ".read_text"}, KIT),
    "zif/testing/mutants/__init__.py": ({".write_text"}, KIT),
    "zif/testing/suite/test_manners.py": ({".write_text", "json.loads", "np.load", "shutil.rmtree"}, KIT),
    "zif/testing/suite/test_report.py": ({"pickle.loads"}, KIT),
    "zif/testing/suite/test_stages.py": (
        {"json.loads", "onnx.save", ".read_bytes", ".write_bytes", ".write_text", "pickle.loads"},
        KIT,
    ),
    "zif_caffe/messages.py": ({".read_bytes"}, SHIPPED),
    "zif_tensorflow/export.py": ({"onnx.load", "onnx.save"}, ENGINE),
    "zif_tensorflow/turning.py": ({"onnx.load", "onnx.save"}, ENGINE),
    "zif_torch/export.py": ({"onnx.load"}, ENGINE),
    "zif_jax/export.py": ({"onnx.save"}, "for the host, into the folder that it gave"),
    "zif_qnn_cpu/guards.py": ({".read_bytes"}, "an artifact's file, which core has hashed"),
    "zif_qnn_cpu/mentions.py": ({".open"}, "an artifact's file, which core has hashed or looked into"),
    "zif_qnn_cpu/scattered.py": ({"np.memmap"}, "an artifact's file, which core has hashed: weights are not copied"),
    "zif_qnn_cpu/timing.py": ({".read_text", "json.loads"}, ENGINE),
    "zif_qnn_gpu/operators.py": ({".read_text", "json.loads"}, SHIPPED),
    "zif_qnn_htp/artifact.py": ({".read_bytes", ".write_bytes"}, ENGINE),
    "zif_qnn_htp/operators.py": ({".read_text", "json.loads"}, SHIPPED),
    "zif_qnn_runtime/health.py": ({"json.loads"}, "what a process that zif started has answered"),
    "zif_qnn_runtime/interface.py": ({"open", "os.fdopen"}, "the null device, in the place of the engine's output"),
    "zif_qnn_runtime/logs.py": ({".open"}, "a file in a private folder, for the engine's words"),
    "zif_qnn_runtime/offline.py": ({".write_text"}, "a program in a private folder that stands for a compiler"),
    "zif_qnn_runtime/versions.py": ({".open"}, "an installed engine's library"),
    "zif_rockchip/server.py": ({"os.open", ".read_text", ".write_bytes"}, "the engine's words, in a private folder"),
    "zif_rockchip/toolkit_process.py": (
        {"os.open"},
        "the end of the engine's words, which may be long, in a private folder",
    ),
    "zif_quantize/calibration/ranges.py": ({"onnx.save"}, "for the engine, into a private folder"),
    "zif_quantize/rewrites/fusing.py": ({"onnx.load", "onnx.save"}, ENGINE),
    "zif_sweep/table.py": (
        {".open", "io.FileIO"},
        "the table of a sweep, which it appends to; what it reads goes by the door",
    ),
    "zif_quantize/weights_only.py": ({"onnx.load", "onnx.save"}, ENGINE),
    "zif_qnn_runtime/ways_out/classic.py": ({".read_text"}, SHIPPED),
    "zif_qnn_runtime/ways_out/texts/compare.py": ({"json.loads", ".read_text", ".read_bytes"}, EXPORTED),
    "zif_qnn_runtime/ways_out/texts/run_on_phone.py": ({"json.loads", ".read_text"}, EXPORTED),
}
#: What an open file is called, into which arrays are written.
STREAMS = {"file", "stream"}
#: What is called open and opens no file: sessions and backends.
NO_FILES = {"Backend", "Frontend", "Subject", "side", "a", "one"}


def calls(tree: ast.AST) -> Iterator[str]:
    """Everything in a module that may open a file, as "open", ".read_text" or "json.loads"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield "open"
        elif isinstance(node, ast.Attribute) and (named := of_module(node)):
            yield named
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            if not of_module(node.func) and not (isinstance(of := node.func.value, ast.Name) and of.id in NO_FILES):
                yield f".{node.func.attr}"
        elif isinstance(node, ast.ImportFrom) and (names := FUNCTIONS.get(node.module or "")):
            yield from (f"{node.module}.{alias.name}" for alias in node.names if {alias.name, "*"} & names)


def of_module(node: ast.Attribute) -> str:
    """The dotted name of a module's function that opens; "" for anything else."""
    if isinstance(node.value, ast.Name) and {node.attr, "*"} & FUNCTIONS.get(node.value.id, set()):
        return f"{node.value.id}.{node.attr}"
    return ""


def into_a_stream(tree: ast.AST) -> set[str]:
    """The writers of arrays that are handed an open stream everywhere: who made it has opened the file."""
    writers: dict[str, list[bool]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (name := of_module(node.func)):
            stream = bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id in STREAMS
            writers.setdefault(name, []).append(stream)
    return {name for name, streams in writers.items() if name.startswith("np.save") and all(streams)}


def opened(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return set(calls(tree)) - into_a_stream(tree)


def short(file: Path) -> str:
    """The path below `src`."""
    return file.as_posix().rpartition("/src/")[2]


def allowed(call: str, calls: set[str]) -> bool:
    return call in calls or f"{call.partition('.')[0]}.*" in calls


def test_files_are_opened_behind_the_door_only() -> None:
    wrong = []
    for file in SOURCES:
        if not file.is_relative_to(DOOR):
            may, _ = EXCEPTIONS.get(short(file), (set(), ""))
            wrong += [f"{short(file)}: {call}" for call in sorted(opened(file)) if not allowed(call, may)]
    assert wrong == [], "open it with zif.files (in a plugin: zif.plugin's content_of, parse_json, parse_arrays)"


def test_no_exception_is_left_over() -> None:
    by_name = {short(file): file for file in SOURCES}
    for name, (may, reason) in EXCEPTIONS.items():
        there = opened(by_name[name])
        assert reason
        assert [call for call in may if not any(allowed(other, {call}) for other in there)] == [], name


@pytest.mark.parametrize(
    "line",
    [
        "open('x')",
        "Path(x).open('rb')",
        "path.read_bytes()",
        "folder.joinpath('x').write_text('')",
        "os.open(x, 0)",
        "np.load(x)",
        "load = np.load",
        "np.savez(path, x=x)",
        "json.load(stream)",
        "tomllib.loads(text)",
        "onnx.load(x)",
        "zipfile.ZipFile(x)",
        "shutil.copytree(a, b)",
        "from json import loads",
        "from zipfile import ZipFile",
        "import os\nos.fdopen(3)",
        "with Image.open(x) as y: pass",
        "(folder / 'x').open()",
    ],
)
def test_each_way_to_open_is_seen(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(line)
    assert opened(tmp_path / "module.py")


@pytest.mark.parametrize(
    "line", ["Backend.open(info)", "open_plain(path)", "np.savez(stream, x=x)", "read_text(x)", "shutil.which('x')"]
)
def test_what_opens_nothing_is_passed_over(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(line)
    assert not opened(tmp_path / "module.py")
