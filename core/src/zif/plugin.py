"""What a plugin may import, beside the names of `zif` itself: the front door for authors.

Everything behind it may move; what stands here stays, and `docs/plugin-api.md` lists it. Each name is imported when it
is first used, so that a plugin pays for what it takes. An author of a backend needs the first sections only.
"""

from __future__ import annotations

import importlib
from typing import Any

from zif import ONE_AT_A_TIME

#: For annotations only: they name what typing knows, and nothing is there when a program runs.
TYPING = frozenset({"Array", "Source"})

#: Section by section: the public name, the module behind it, its name there, and what it is.
SECTIONS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "The contract's smaller words: what crosses between core and a backend, beside the names of `zif`": (
        ("Array", "zif.records", "Array", "a numpy array of any dtype (typing only)"),
        ("Basis", "zif.records", "Basis", "`declared`, `probed`, `observed` or `verified`: on what a verdict rests"),
        ("BoundRun", "zif.records", "BoundRun", "what `bind` returns: a run over bound buffers"),
        ("DTYPE_BITS", "zif.records", "DTYPE_BITS", "bits of one element by dtype"),
        (
            "EngineOperator",
            "zif.records",
            "EngineOperator",
            "an operator of the engine's own graph, and the units that it was made of",
        ),
        (
            "OperatorTrace",
            "zif.records",
            "OperatorTrace",
            "the operators of a segment: what `SupportsOperators` gives",
        ),
        ("Said", "zif.records", "Said", "what one source said of a unit: a link of `Verdict.chain`"),
        (
            "QuantizationRules",
            "zif.records",
            "QuantizationRules",
            "what a backend wants of a quantized model: `Capabilities.quantization`",
        ),
        ("FixedRange", "zif.records", "FixedRange", "one of its rules: the range that an operator's result has"),
        ("WeightType", "zif.records", "WeightType", "one of its rules: the type that an operator's weight has"),
        (
            "build_options",
            "zif.backends.options",
            "build_options",
            "typed options from a mapping, unknown keys refused with the known ones",
        ),
        (
            "EngineRefused",
            "zif.errors",
            "EngineRefused",
            "a StageFailed for what the engine itself refuses of a model: exit code 1",
        ),
        (
            "content_of",
            "zif.backends.onnx_artifact",
            "content_of",
            "the bytes of an artifact's file or of a part",
        ),
        (
            "Check",
            "zif.backends.checks",
            "Check",
            "a row of `zif doctor`: what an entry point of the group `zif.checks` gives",
        ),
        (
            "cache_folder",
            "zif.artifacts.cache.place",
            "kept_folder",
            "zif's own folder for what can be made again; None without one that is safe",
        ),
    ),
    "Files of others: an artifact may come from a stranger's bundle": (
        (
            "laid_out",
            "zif.backends.laying_out",
            "laid_out",
            "an artifact's files in a private folder under their names, for engines that open paths",
        ),
        ("parse_json", "zif.files.documents", "json_of", "JSON that was read, bounded and without surprises"),
        ("parse_record", "zif.files.records", "record", "an attrs class from such data, every field held to its type"),
        ("parse_arrays", "zif.files.archives", "arrays_in", "the arrays of an open .npz, none of them a bomb"),
        ("message_fields", "zif.files.wire", "fields", "number, start and end of each field of a protobuf message"),
    ),
    "Models: reading a graph without walking protobuf by hand": (
        ("Source", "zif.model.arguments", "Source", "what a caller may hand in as a model"),
        ("Progress", "zif.model.arguments", "Progress", "a function that is told what is being done"),
        ("numpy_dtype", "zif.model.dtypes", "numpy_dtype", "the numpy dtype of an ONNX element type"),
        (
            "judging_infinities",
            "zif.model.infinities",
            "judged",
            "units that judge, or make for it, what may be infinite",
        ),
        ("infinite_values", "zif.model.infinities", "spread", "values that may be infinite, and who carries them on"),
        ("attribute", "zif.model.attributes", "attribute", "the value of a node's attribute, or a default"),
        ("attribute_list", "zif.model.attributes", "attribute_list", "that of an attribute which is a list"),
        ("attributes", "zif.model.attributes", "attributes", "all that a node sets, by name"),
        ("element_dtype", "zif.model.dtypes", "element_dtype", "the same by ONNX's number of the type"),
        ("element_type", "zif.model.dtypes", "element_type", "ONNX's number of a dtype's element type"),
        ("from_array", "zif.model.dtypes", "from_array", "an array of any element type as a TensorProto"),
        ("to_array", "zif.model.dtypes", "to_array", "a TensorProto as an array, alike with every onnx"),
        ("installed_onnx", "zif.model", "installed_onnx", "the module that says what the installed onnx offers"),
        ("free_name", "zif.model.nodes", "free_name", "a tensor name that a graph does not have yet"),
        (
            "unshare",
            "zif.model.unshared",
            "unshare",
            "give each reader of an initializer that takes it in another form one of its own",
        ),
        ("scan", "zif.model.nodes", "scan", "every node of a graph with those in its bodies"),
        ("Signature", "zif.model.signatures", "Signature", "types and versions of an operator by its schema"),
        ("signature", "zif.model.signatures", "signature", "the signature of an operator in an opset"),
        ("normal", "zif.model.signatures", "normal", "a domain in its canonical spelling"),
        ("since_version", "zif.model.signatures", "since_version", "the opset that last changed an operator"),
        ("read_model", "zif.model.source", "read", "a model file, checked, with its folders of external data"),
        ("all_graphs", "zif.model.subgraphs", "all_graphs", "a graph and the bodies in it, at every depth"),
        ("bodies", "zif.model.subgraphs", "bodies", "the bodies of a node"),
        ("captures", "zif.model.subgraphs", "captures", "outer values that a body reads"),
        ("NodeView", "zif.model.walk", "NodeView", "a node of a unit with types and shapes"),
        ("may_nest", "zif.model.walk", "may_nest", "whether an operator has bodies"),
        ("unit_nodes", "zif.model.walk", "unit_nodes", "every node of a unit, those of bodies included"),
    ),
    "Verdicts: what a backend takes, and what was learned of it": (
        ("Claims", "zif.verdicts.declared", "Claims", "a table of claimed operators, asked unit by unit"),
        ("unit_facts", "zif.verdicts.facts", "unit_facts", "the facts of a unit in which rules are written"),
        (
            "observed_units",
            "zif.verdicts.shipped",
            "observed_units",
            "the units of which your `observed.json` speaks, by code: what an engine must not be asked about",
        ),
    ),
    "Learning a table: for who tries an engine by other tests than `zif check --save`; needs `zif[testing]`": (
        ("Case", "zif.testing.learning", "Case", "one unit that was tried, and its outcome"),
        ("learn", "zif.testing.learning", "learn", "rules from cases"),
        ("Table", "zif.verdicts.observed", "Table", "what was observed of one version of an engine"),
        ("save_table", "zif.verdicts.observed", "save", "write `observed.json`"),
        ("NodeTest", "zif.testing.nodetests", "NodeTest", "a model with inputs and expected outputs"),
        ("node_tests", "zif.testing.nodetests", "node_tests", "ONNX's own node tests"),
        ("observe_tests", "zif.testing.nodetests", "observe", "run node tests on a backend"),
    ),
    "Values: inputs and samples as users hand them in": (
        ("parse_preprocess", "zif.inputs", "parse", "`--preprocess` as a record per input"),
        ("random_inputs", "zif.inputs", "random_inputs", "random values for a model's inputs, from a seed"),
        ("Labelled", "zif.inputs.samples", "Labelled", "samples that know where each comes from"),
        ("Sample", "zif.inputs.samples", "Sample", "one set of inputs by name"),
        ("Samples", "zif.inputs.samples", "Samples", "samples read when they are asked for"),
        ("Subset", "zif.inputs.samples", "Subset", "some samples of others"),
        ("samples_of", "zif.inputs.samples", "samples_of", "the samples in a folder, array file or list"),
    ),
    "Encodings: scale and zero point": (
        (
            "quantization_rules",
            "zif.planning.candidates.quantizer_rules",
            "quantization_rules",
            "what the backends of a plan for some targets want of a quantized model",
        ),
        ("rules_of", "zif.planning.candidates.quantizer_rules", "rules_of", "what one backend wants of it"),
        ("Wanted", "zif.planning.candidates.quantizer_rules", "Wanted", "such rules, and whose they are"),
        ("clipped_at", "zif.model.encodings.clips", "clipped_at", "where a Relu or Clip cuts off"),
        ("covers", "zif.model.encodings.clips", "covers", "whether an encoding's range ends where a Clip does"),
        ("span", "zif.model.encodings.clips", "span", "the range of an encoding"),
        ("copies", "zif.model.encodings.copies", "copies", "values that are copies for one reader"),
        ("export_encodings", "zif.model.encodings.export", "export", "the encodings of a QDQ model"),
        ("encoding_names", "zif.model.encodings", "names", "the module of the names that quantized tensors get"),
        ("AFTER", "zif.model.encodings.names", "AFTER", "suffix of what follows a DequantizeLinear"),
        ("BEFORE", "zif.model.encodings.names", "BEFORE", "suffix of what precedes a QuantizeLinear"),
        ("QUANTIZED", "zif.model.encodings.names", "QUANTIZED", "suffix of a quantized constant"),
        ("STORED", "zif.model.encodings.names", "STORED", "suffix of a stored constant"),
        ("Names", "zif.model.encodings.names", "Names", "names of tensors as a file and a graph have them"),
        ("annotate", "zif.model.encodings.names", "annotate", "write a name into a model's metadata"),
        ("axis_of", "zif.model.encodings.names", "axis_of", "the channel axis of an encoding"),
        ("BIASED", "zif.model.encodings.operators", "BIASED", "operators with a bias"),
        ("CHANNEL_AXIS", "zif.model.encodings.operators", "CHANNEL_AXIS", "channel axes of weights"),
        ("MERGED", "zif.model.encodings.operators", "MERGED", "operators merged into the one before"),
        ("MOVES", "zif.model.encodings.operators", "MOVES", "operators that only move data"),
        ("WEIGHTED", "zif.model.encodings.operators", "WEIGHTED", "operators with a weight"),
        ("read_encodings", "zif.model.encodings.reading", "read", "a file of encodings"),
        ("repaired", "zif.model.encodings.reading", "repaired", "a file with contradictions settled by min and max"),
        ("Encoding", "zif.model.encodings.record", "Encoding", "one tensor's encoding"),
        ("Encodings", "zif.model.encodings.record", "Encodings", "a file of them"),
        ("FORMATS", "zif.model.encodings.formats", "FORMATS", "the formats that are written, as they are called here"),
        (
            "encodings_format",
            "zif.model.encodings.formats",
            "format_of",
            "the format that a name means, a vendor's too",
        ),
        ("called_format", "zif.model.encodings.formats", "called", "what a format is called here"),
        (
            "LEAST_SCALE",
            "zif.model.encodings.record",
            "LEAST_SCALE",
            "the least scale that float32 holds with its reciprocal",
        ),
        ("Problem", "zif.model.encodings.record", "Problem", "what is wrong with an entry"),
        ("write_encodings", "zif.model.encodings.writing", "write", "encodings as a document in a format"),
    ),
    "Judging: how right a model is": (
        ("Admission", "zif.runtime.session.admit", "Admission", "holds inputs against what a model takes"),
        ("Function", "zif.evaluation.accuracy", "Function", "a user's judge of a session"),
        ("resolved", "zif.evaluation.accuracy", "resolved", "the function behind FILE.py:FUNCTION"),
        ("score", "zif.evaluation.accuracy", "score", "its number for a session"),
        (
            "keep_times",
            "zif.evaluation.profiling.store",
            "keep_times",
            "what units took on a chip elsewhere, for plans for it",
        ),
        ("Tally", "zif.runtime.measures", "Tally", "SQNR, cosine and errors, summed over samples"),
        ("is_float", "zif.runtime.measures", "is_float", "whether a dtype is a floating point"),
        ("literal", "zif.evaluation.comparison.sides", "literal", "a model as it is written, on the reference"),
        (
            "idle_accelerator",
            "zif.evaluation.comparison.idle",
            "idle_accelerator",
            "the accelerator that a plan leaves idle",
        ),
    ),
    "Frontends: for distributions that bring models of another framework in (`zif.frontends`)": (
        ("Imported", "zif.runtime.frontends.contract", "Imported", "what a frontend made of a source"),
        ("Named", "zif.runtime.frontends.contract", "Named", "code that makes a model, as MODULE:NAME"),
        ("Origin", "zif.runtime.frontends.contract", "Origin", "a file, a folder, code, or a model in memory"),
        ("Recognized", "zif.runtime.frontends.contract", "Recognized", "the answer that a source is for a frontend"),
        ("Request", "zif.runtime.frontends.contract", "Request", "what a conversion is asked for"),
        (
            "imports_any",
            "zif.runtime.frontends.code",
            "imports_any",
            "whether code imports a package, as it is written",
        ),
        ("made_by", "zif.runtime.frontends.code", "made_by", "what code of the user's makes, whose failure is told"),
        ("object_of", "zif.runtime.frontends.code", "object_of", "what stands under a name in code, which is run"),
        (
            "FrontendAt",
            "zif.runtime.frontends.common",
            "FrontendAt",
            "the three hooks by the names of functions, whose modules are imported when they are first asked",
        ),
        ("versions", "zif.runtime.frontends.common", "versions", "the installed versions, for `Recognized.toolchain`"),
        ("label_of", "zif.runtime.frontends.common", "label_of", "a source as messages name it"),
        ("key_of", "zif.runtime.frontends.common", "key_of", "one word for one source within a process"),
        (
            "asked_for",
            "zif.runtime.frontends.common",
            "asked_for",
            "how to ask for something: an option, or an argument where the model is in memory",
        ),
        ("shapes_for", "zif.runtime.frontends.common", "shapes_for", "how to give shapes, likewise"),
        ("first_line", "zif.runtime.frontends.common", "first_line", "the first line of what a framework says"),
        ("opset_of", "zif.runtime.frontends.common", "opset_of", "the opset of ai.onnx that a model is written in"),
        ("Content", "zif.files.members", "Content", "a member of a zip archive, bounded while it is read"),
        ("zip_contents", "zif.files.members", "zip_contents", "each member of a zip archive, open, those within too"),
        ("zip_members", "zif.files.members", "zip_members", "the names in a zip archive"),
        ("open_plain", "zif.files.opening", "open_plain", "a plain file that the caller names, open for reading"),
        ("read_bytes", "zif.files.opening", "read_bytes", "the content of a plain file that the caller names, bounded"),
        ("read_text", "zif.files.text", "read_text", "the text of a file that the caller names"),
        ("TEXT", "zif.files.limits", "TEXT", "how long a text may be"),
        ("VALUES", "zif.files.limits", "VALUES", "how many values a document may have"),
        ("WEIGHTS", "zif.files.limits", "WEIGHTS", "how large a file of weights may be"),
    ),
    "Ways out: for distributions that write a plan for another runtime (`zif.exporters`)": (
        ("Exporter", "zif.runtime.export.contract", "Exporter", "what an entry point of the group names"),
        ("Export", "zif.runtime.export.contract", "Export", "what is exported: bundle, plan, artifacts, samples"),
        ("Exported", "zif.runtime.export.contract", "Exported", "the files that it gives, and sentences"),
        ("OnnxForm", "zif.runtime.export.onnx_form", "OnnxForm", "an artifact as an ONNX graph, for `zif.onnx_forms`"),
    ),
    "Commands: for distributions that bring a command (`zif.commands`)": (
        ("options", "zif.cli", "options", "the module of options that commands share"),
        ("JsonOption", "zif.cli.options", "JsonOption", "`--json`"),
        ("check_output", "zif.cli.files", "check_output", "refuse to write over what is read"),
        ("check_outputs", "zif.cli.overwriting", "check_outputs", "the same for several files"),
        ("read_by", "zif.cli.overwriting", "read_by", "every file that a command reads"),
        ("write_all", "zif.cli.files", "write_all", "several files, all or none"),
        ("write_text", "zif.cli.files", "write_text", "a text file, whole or not at all"),
        ("write_whole", "zif.files.writing", "write_whole", "a file whole or not at all; raises OSError"),
        ("private_folder", "zif.files.leftovers", "private_folder", "a folder for temporary files, gone afterwards"),
        ("note_folder", "zif.cli.inputs", "note_folder", "say how a folder of pictures is read"),
        ("terminal", "zif.cli.views", "terminal", "the module that prints tables, sentences and documents"),
        ("say", "zif.cli.views.terminal", "say", "a sentence on stdout"),
        ("note", "zif.cli.views.terminal", "note", "a remark on stderr"),
        ("show_table", "zif.cli.views.terminal", "table", "a table"),
        ("print_document", "zif.cli.views.terminal", "document", "the one JSON document of `--json`"),
        ("working", "zif.cli.views.progress", "working", "a progress line"),
        ("decibels", "zif.cli.views.compare", "decibels", "a ratio as people read it"),
        ("told_db", "zif.cli.views.compare", "told_db", "a ratio in a sentence"),
        ("things", "zif.files.wording", "things", "a number with its noun"),
        ("csv_cell", "zif.files.wording", "csv_cell", "a cell for spreadsheets that is no formula"),
        ("listed", "zif.files.wording", "listed", "at most so many names, and that there are more"),
        (
            "to_install",
            "zif.files.installing",
            "to_install",
            "how something is installed, also what no index has",
        ),
        ("did_you_mean", "zif.files.wording", "did_you_mean", "the question after an unknown word"),
    ),
    "Fleets: for commands that do what zif does, many times over": (
        ("targets", "zif.targets", "targets", "every chip that can be planned for, but this machine"),
        (
            "ask_backends",
            "zif.backends.survey",
            "ask_all",
            "what every installed backend answers for a target, each in its time",
        ),
        (
            "verify",
            "zif.evaluation.verification",
            "verify",
            "every segment of a model held against a judge, as `zif verify` does",
        ),
        ("read_table", "zif.files.documents", "read_table", "a file that people write, TOML or JSON, as a table"),
        (
            "kind_of",
            "zif.files.kinds",
            "kind_of",
            "what a file or folder is, where it is of another framework; None where it may be ONNX",
        ),
        ("refused", "zif.files.writing", "refused", "the error to raise for a file that cannot be written"),
        (
            "plan_html",
            "zif.report",
            "plan_html",
            "a plan as a page, with what was measured of it elsewhere in front",
        ),
        ("json_text", "zif.files.wording", "json_text", "JSON as text that no name in it can disturb"),
        ("duration", "zif.files.wording", "duration", "microseconds as people read them"),
        ("size", "zif.files.wording", "size", "bytes as people read them"),
        ("operators", "zif.files.wording", "operators", "the commonest operators of many, with how often"),
    ),
}
_WHERE = {name: (home, attribute) for rows in SECTIONS.values() for name, home, attribute, _ in rows}
__all__ = sorted(_WHERE)  # what each is stands above, and in plugin.pyi for typing


def __getattr__(name: str) -> Any:
    if name not in _WHERE or name in TYPING:
        raise AttributeError(f"module 'zif.plugin' has no attribute {name!r}")
    home, attribute = _WHERE[name]
    with ONE_AT_A_TIME:
        module = importlib.import_module(home)
        inner = not hasattr(module, attribute)
        value = importlib.import_module(f"{home}.{attribute}") if inner else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
