"""`--for qairt` and `--for snpe`: the DLCs of a plan with the commands of QNN's and of SNPE's own tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from zif.plugin import Exported, Exporter

from zif_qnn_runtime.ways_out.pieces import Piece, extensions, pieces, written
from zif_qnn_runtime.ways_out.tools import TOOLS, in_powershell, shown, words

if TYPE_CHECKING:
    from pathlib import Path

    from zif.plugin import Export

Profile = Literal["default", "burst", "sustained_high_performance", "high_performance", "balanced", "power_saver"]
_HOST = "${QNN_SDK_ROOT}/bin/x86_64-linux-clang"
_LIBRARIES = "${QNN_SDK_ROOT}/lib/x86_64-linux-clang"
_NATIVE = ("--use_native_input_files", "--use_native_output_files")


@frozen
class Options:
    """What a user can set."""

    perf_profile: Profile = field(
        default="burst", metadata={"help": "Clocks in the commands: --perf_profile of the tools."}
    )


#: A heading, a sentence, a command line.
Step = tuple[str, str, list[str]]


def qairt(job: Export, options: Options) -> Exported:
    """DLC, context binary and C source of each segment, and how QNN's own tools take them."""
    pieces_ = pieces(job, ("dlc", "source"))
    made = {name: content for piece in pieces_ for name, content in _qairt_files(piece, options)}
    return _exported(job, made, pieces_, "qairt.md", lambda _: qairt_steps(options.perf_profile))


def snpe(job: Export, options: Options) -> Exported:
    """The DLC of each segment, and how snpe-net-run takes it."""
    pieces_ = pieces(job, ("dlc",))
    made = {
        name: content
        for piece in pieces_
        for name, content in written(piece)
        if not name.startswith((f"{piece.name}/source/", f"{piece.name}/context.bin"))
    }
    return _exported(job, made, pieces_, "snpe.md", lambda piece: snpe_steps(piece, options.perf_profile))


def qairt_steps(profile: str) -> Iterator[Step]:
    """The commands for a segment, to be run in its folder."""
    model = ("--backend", f"{_LIBRARIES}/libQnnHtp.so"), ("--model", f"{_LIBRARIES}/libQnnModelDlc.so")
    dlc = ("--dlc_path", "graph.dlc")
    out = ("--output_dir", "made"), ("--config_file", "backend_extensions.json")
    line = words("qnn-context-binary-generator", *model, dlc, ("--binary_file", "context"), *out, path=_HOST)
    yield "Make the context binary again", "On an x86-64 Linux host; `made/context.bin` serves as `context.bin`.", line
    fed = ("--input_list", "input_list.txt"), ("--output_dir", "output")
    line = words("qnn-net-run", *model, dlc, *fed, *_NATIVE, path=_HOST)
    yield "Run the DLC in the SDK's emulator", "The graph is compiled first.", line
    kept = ("--backend", "libQnnHtp.so"), ("--retrieve_context", "context.bin")
    tuned = ("--config_file", "backend_extensions.json"), ("--perf_profile", profile)
    line = words("qnn-net-run", *kept, *fed, *_NATIVE, *tuned)
    yield "Run the context binary on the chip", "There, with the SDK's libraries for it on LD_LIBRARY_PATH.", line


def snpe_steps(piece: Piece, profile: str) -> Iterator[Step]:
    """The commands for a segment, to be run in its folder."""
    yield "What is in the DLC", "", words("snpe-dlc-info", ("--input_dlc", "graph.dlc"), path=_HOST)
    fed = ("--container", "graph.dlc"), ("--input_list", "input_list.txt"), ("--output_dir", "output")
    outputs = ("--set_output_tensors", ",".join(output.name for output in piece.outputs))
    line = words("snpe-net-run", *fed, outputs, "--userbuffer_auto", *_NATIVE, path=_HOST)
    yield "Run it on the host's CPU", "For its numbers.", line
    tuned = "--use_dsp", ("--perf_profile", profile)
    line = words("snpe-net-run", *fed, *tuned, outputs, "--userbuffer_auto", *_NATIVE)
    yield "Run it on the chip's NPU", "SNPE compiles the graph when it is loaded.", line


def _qairt_files(piece: Piece, options: Options) -> Iterator[tuple[str, bytes | Path]]:
    yield from written(piece)
    yield from extensions(piece, options.perf_profile)


def _exported(
    job: Export,
    made: dict[str, bytes | Path],
    pieces: Sequence[Piece],
    text: str,
    steps: Callable[[Piece], Iterator[Step]],
) -> Exported:
    sections = [section for piece in pieces for section in _sections(piece, steps(piece))]
    pages = {line for piece in pieces for step in steps(piece) for line in [_tool(step[2])]}
    cited = "\n".join(f"- {TOOLS[name].page}" for name in sorted(pages))
    versions = ", ".join(sorted({piece.qnn for piece in pieces}))
    head = own_text(text).format(name=job.name, target=job.target, qnn=versions)
    page = f"{head}\n{''.join(sections)}\n## Where the flags are documented\n\n{cited}\n"
    specs = "input_specs.json"
    made |= {specs: job.whole.path(specs)} if specs in job.whole.files else {}
    made |= {"README.md": page.encode(), "compare.py": own_text("compare.py").encode()}
    others = sorted({segment.backend for segment in job.plan.segments if segment.id not in _numbers(pieces)})
    facts = {"segments": [piece.name for piece in pieces], "qnn": versions}
    return Exported(made, notes=tuple(_notes(others)), facts=facts)


def _notes(others: Sequence[str]) -> Iterator[str]:
    yield "README.md has the commands; compare.py holds what the tools write against what must come out"
    if others:
        yield f"the plan's segments on {', '.join(others)} are not in it: these tools run the NPU's segments alone"


def _numbers(pieces: Sequence[Piece]) -> set[int]:
    return {int(piece.name.rpartition("-")[2]) for piece in pieces}


def _sections(piece: Piece, steps: Iterator[Step]) -> Iterator[str]:
    names = {"inputs": piece.inputs, "outputs": piece.outputs}
    yield f"## {piece.name}\n\n"
    for what, infos in names.items():
        told = "; ".join(f"`{info.name}` {info.dtype} {list(info.shape or ())}" for info in infos)
        yield f"- {what}: {told}\n"
    yield f"- graph: `{piece.graph or 'unnamed'}`\n\n"
    for title, sentence, line in steps:
        lines = {"bash": shown(line), "powershell": in_powershell(line)}
        blocks = [f"```{shell}\ncd {piece.name}\n{text}\n```\n\n" for shell, text in lines.items()]
        yield f"{title}. {sentence}".rstrip() + "\n\n" + "".join(blocks)
    yield f"Compare, in either shell:\n\n```bash\npython compare.py {piece.name} {piece.name}/output\n```\n\n"


def _tool(line: Sequence[str]) -> str:
    return line[0].rpartition("/")[2]


def own_text(name: str) -> str:
    """A text of this package."""
    return (files("zif_qnn_runtime.ways_out") / "texts" / name).read_text(encoding="utf-8")


QAIRT = Exporter(
    "DLC, context binary and C source for qnn-net-run, with inputs, expected outputs and commands",
    qairt,
    Options,
    also=("dlc", "source"),
    folder=True,
)
SNPE = Exporter(
    "DLC for snpe-net-run, with inputs, expected outputs and commands", snpe, Options, also=("dlc",), folder=True
)
