"""Qualcomm's command lines, written with no flags but those of one table.

The flags are from the tools' help, as far as public copies could be read (`Tool.read`): the tools were not at hand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from attrs import Factory, frozen

_DOCS = "https://docs.qualcomm.com/doc/80-63442-10/topic"
_WHOLE = "the whole page of the SDK, in a public repository"
_HELP = "the help of SNPE 2.14 and the whole page of a newer SDK, in public repositories"
_USED = (
    "the beginning of the page (a translation of the QNN manual, part 17), Qualcomm's own callers in Python, scripts"
)
_BUFFERS = ("--userbuffer_auto", "--userbuffer_float", "--userbuffer_tf8")


@frozen
class Tool:
    """page: where its flags are documented; flags: those of them that may be written here; read: where they were.

    beside: a flag that is only taken beside one of others.
    """

    page: str
    flags: frozenset[str]
    read: str
    beside: Mapping[str, tuple[str, ...]] = Factory(dict)


#: The words of --perf_profile that qnn-net-run and snpe-net-run have in common.
PROFILES = ("default", "burst", "sustained_high_performance", "high_performance", "balanced", "power_saver")

TOOLS = {
    "qnn-context-binary-generator": Tool(
        f"{_DOCS}/general_tools.html#qnn-context-binary-generator",
        frozenset(
            (
                *("--model", "--backend", "--binary_file", "--dlc_path", "--output_dir", "--config_file"),
                *("--log_level", "--profiling_level", "--set_output_tensors", "--verbose", "--version", "--help"),
            )
        ),
        "lines of its help that others quote, Olive's descriptions of its arguments, scripts",
    ),
    "qnn-net-run": Tool(
        f"{_DOCS}/general_tools.html#qnn-net-run",
        frozenset(
            (
                *("--model", "--backend", "--input_list", "--retrieve_context", "--dlc_path", "--output_dir"),
                *("--use_native_input_files", "--use_native_output_files", "--config_file", "--perf_profile"),
                *("--profiling_level", "--log_level", "--num_inferences", "--duration", "--keep_num_outputs"),
                *("--set_output_tensors", "--shared_buffer", "--debug", "--version", "--help"),
            )
        ),
        _USED,
    ),
    "qnn-profile-viewer": Tool(
        f"{_DOCS}/general_tools.html#qnn-profile-viewer",
        frozenset(("--input_log", "--output", "--reader", "--config", "--help")),
        "scripts",
    ),
    "snpe-net-run": Tool(
        f"{_DOCS}/SNPE_general_tools.html#snpe-net-run",
        frozenset(
            (
                *("--container", "--input_list", "--use_gpu", "--use_dsp", "--use_aip", "--output_dir"),
                *("--perf_profile", "--profiling_level", "--set_output_tensors", "--enable_cpu_fallback"),
                *("--use_native_input_files", "--use_native_output_files", *_BUFFERS, "--debug", "--help"),
            )
        ),
        _HELP,
        {"--use_native_input_files": _BUFFERS, "--use_native_output_files": _BUFFERS},
    ),
    "snpe-dlc-graph-prepare": Tool(
        f"{_DOCS}/SNPE_general_tools.html#snpe-dlc-graph-prepare",
        frozenset(("--input_dlc", "--output_dlc", "--set_output_tensors", "--htp_socs", "--vtcm_override", "--help")),
        _WHOLE,
    ),
    "snpe-dlc-info": Tool(
        f"{_DOCS}/SNPE_general_tools.html#snpe-dlc-info",
        frozenset(("--input_dlc", "--display_all_encodings", "--help")),
        "the SNPE manual, part 31, in a translation; scripts",
    ),
    "qtld-net-run": Tool(
        "https://docs.qualcomm.com/doc/80-63442-50/topic/TfLite-Delegate_tools.html#qtld-net-run",
        frozenset(
            (
                *("--model", "--input", "--output", "--backend", "--library_path", "--skel_library_dir", "--log_level"),
                *("--htp_performance_mode", "--htp_precision", "--gpu_precision", "--gpu_performance_mode", "--help"),
            )
        ),
        "the beginning of the page",
    ),
}


def words(tool: str, *pieces: str | tuple[str, str], path: str = "") -> list[str]:
    """The words of a command line; a flag alone or with its value. path: the folder of the tool.

    Raises ValueError for a flag that the tool's documentation does not have, or not without another.
    """
    line = [f"{path}/{tool}" if path else tool]
    for word in pieces:
        flag, *value = (word,) if isinstance(word, str) else word
        if flag not in TOOLS[tool].flags:
            raise ValueError(f"{tool} has no flag {flag}: {TOOLS[tool].page}")
        line += [flag, *value]
    for flag, others in TOOLS[tool].beside.items():
        if flag in line and not any(word in line for word in others):
            raise ValueError(f"{tool} takes {flag} beside {' or '.join(others)} only: {TOOLS[tool].page}")
    return line


def shown(line: Sequence[str]) -> str:
    """A command line as it is typed: flags below each other, variables of the shell left to it."""
    head, *rest = (word if re.fullmatch(r"[\w@%+=:,./${}-]+", word) else shlex.quote(word) for word in line)
    text = head
    for word in rest:
        text += f" \\\n    {word}" if word.startswith("--") else f" {word}"
    return text


def in_powershell(line: Sequence[str]) -> str:
    """The same command line for PowerShell on Windows: its folders of the SDK, its names of tools and libraries."""
    head, *rest = (_on_windows(word) for word in line)
    text = f"& {head}" if head.startswith('"') else head
    for word in rest:
        text += f" `\n    {word}" if word.startswith("--") else f" {word}"
    return text


def _on_windows(word: str) -> str:
    """A word for PowerShell. What a Linux library is called, a DLL is without lib; a tool is a program."""
    library = re.fullmatch(r"(.*/)?lib(\w+)\.so", word)
    tool = word.rpartition("/")[2] in TOOLS
    word = f"{library[1] or ''}{library[2]}.dll" if library else f"{word}.exe" if tool else word
    if "${QNN_SDK_ROOT}" in word:
        word = word.replace("${QNN_SDK_ROOT}", "$env:QNN_SDK_ROOT").replace("x86_64-linux-clang", "x86_64-windows-msvc")
        return '"' + word.replace("/", "\\") + '"'
    return word if re.fullmatch(r"[\w%+=:./-]+", word) else "'" + word.replace("'", "''") + "'"


def undocumented(text: str) -> Iterator[str]:
    """A sentence for each flag in a text's command lines that the tool's documentation does not have."""
    for line in _lines(text):
        for number, word in enumerate(line_words := line.split()):
            tool = TOOLS.get(re.split(r"[\\/]", word.strip("'\""))[-1].removesuffix(".exe"))
            if tool is not None:
                flags = (word.strip("'\",.;)") for word in line_words[number + 1 :])
                yield from (f"{word}: {flag}" for flag in flags if flag.startswith("--") and flag not in tool.flags)


def _lines(text: str) -> Iterator[str]:
    """Command lines, put together where they go on below; of prose, what stands between backticks."""
    for line in re.sub(r"(\\| `)\n\s*", " ", text).splitlines():
        yield from re.findall(r"`([^`]+)`", line) if "`" in line else [line]


__all__ = ["PROFILES", "TOOLS", "Tool", "in_powershell", "shown", "undocumented", "words"]
