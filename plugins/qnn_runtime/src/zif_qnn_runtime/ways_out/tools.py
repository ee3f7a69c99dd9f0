"""Qualcomm's command lines, written with no flags but those of one table.

The flags are from excerpts of the tools' pages (`Tool.page`) and from public scripts: the tools were not at hand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from attrs import frozen

_DOCS = "https://docs.qualcomm.com/doc/80-63442-10/topic"


@frozen
class Tool:
    """page: where its flags are documented; flags: those of them that may be written here; values: of some, which."""

    page: str
    flags: frozenset[str]


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
    ),
    "qnn-profile-viewer": Tool(
        f"{_DOCS}/general_tools.html#qnn-profile-viewer",
        frozenset(("--input_log", "--output", "--reader", "--config", "--help")),
    ),
    "snpe-net-run": Tool(
        f"{_DOCS}/SNPE_general_tools.html#snpe-net-run",
        frozenset(
            (
                *("--container", "--input_list", "--use_gpu", "--use_dsp", "--use_aip", "--output_dir"),
                *("--perf_profile", "--profiling_level", "--set_output_tensors", "--enable_cpu_fallback"),
                *("--use_native_input_files", "--use_native_output_files", "--userbuffer_auto", "--debug", "--help"),
            )
        ),
    ),
    "snpe-dlc-graph-prepare": Tool(
        f"{_DOCS}/SNPE_general_tools.html#snpe-dlc-graph-prepare",
        frozenset(("--input_dlc", "--output_dlc", "--set_output_tensors", "--htp_socs", "--vtcm_override", "--help")),
    ),
    "snpe-dlc-info": Tool(
        f"{_DOCS}/SNPE_general_tools.html#snpe-dlc-info",
        frozenset(("--input_dlc", "--display_all_encodings", "--help")),
    ),
    "qtld-net-run": Tool(
        "https://docs.qualcomm.com/doc/80-63442-50/topic/TfLite-Delegate_tools.html#qtld-net-run",
        frozenset(
            (
                *("--model", "--input", "--output", "--backend", "--library_path", "--skel_library_dir", "--log_level"),
                *("--htp_performance_mode", "--htp_precision", "--gpu_precision", "--gpu_performance_mode", "--help"),
            )
        ),
    ),
}


def words(tool: str, *given: str | tuple[str, str], path: str = "") -> list[str]:
    """The words of a command line; a flag alone or with its value. path: the folder of the tool.

    Raises ValueError for a flag that the tool's documentation does not have.
    """
    line = [f"{path}/{tool}" if path else tool]
    for one in given:
        flag, *value = (one,) if isinstance(one, str) else one
        if flag not in TOOLS[tool].flags:
            raise ValueError(f"{tool} has no flag {flag}: {TOOLS[tool].page}")
        line += [flag, *value]
    return line


def shown(line: Sequence[str]) -> str:
    """A command line as it is typed: flags below each other, variables of the shell left to it."""
    head, *rest = (word if re.fullmatch(r"[\w@%+=:,./${}-]+", word) else shlex.quote(word) for word in line)
    text = head
    for word in rest:
        text += f" \\\n    {word}" if word.startswith("--") else f" {word}"
    return text


def undocumented(text: str) -> Iterator[str]:
    """A sentence for each flag in a text's command lines that the tool's documentation does not have."""
    for line in _lines(text):
        for number, word in enumerate(found := line.split()):
            tool = TOOLS.get(word.strip("'\"").rpartition("/")[2].removesuffix(".exe"))
            if tool is not None:
                flags = (one.strip("'\",.;)") for one in found[number + 1 :])
                yield from (f"{word}: {flag}" for flag in flags if flag.startswith("--") and flag not in tool.flags)


def _lines(text: str) -> Iterator[str]:
    """Command lines, put together where they go on below; of prose, what stands between backticks."""
    for line in re.sub(r"(\\| `)\n\s*", " ", text).splitlines():
        yield from re.findall(r"`([^`]+)`", line) if "`" in line else [line]


__all__ = ["PROFILES", "TOOLS", "Tool", "shown", "undocumented", "words"]
