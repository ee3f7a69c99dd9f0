"""What a plugin may import, beside the names of `zif` itself: the front door for authors.

Everything behind it may move; what stands here stays, and `docs/plugin-api.md` lists it. Each name is imported when it
is first used, so that a plugin pays for what it takes. An author of a backend needs the first sections only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif.records import Array as Array
    from zif.records import Basis as Basis
    from zif.records import BoundRun as BoundRun
    from zif.records import DTYPE_BITS as DTYPE_BITS
    from zif.backends.laying_out import laid_out as laid_out
    from zif.planning.candidates.wanted import Wanted as Wanted
    from zif.planning.candidates.wanted import quantization_rules as quantization_rules
    from zif.planning.candidates.wanted import rules_of as rules_of
    from zif.records import FixedRange as FixedRange
    from zif.records import QuantizationRules as QuantizationRules
    from zif.records import Said as Said
    from zif.records import WeightType as WeightType
    from zif.backends.options import build_options as build_options
    from zif.backends.checks import Check as Check
    from zif.files.archives import arrays_in as parse_arrays
    from zif.files.documents import json_of as parse_json
    from zif.files.records import record as parse_record
    from zif.runtime.cache.place import kept_folder as cache_folder
    from zif.model.arguments import Source as Source
    from zif.model.arguments import Progress as Progress
    from zif.model.dtypes import numpy_dtype as numpy_dtype
    from zif.model.dtypes import element_dtype as element_dtype
    from zif.model.dtypes import element_type as element_type
    from zif.model.dtypes import from_array as from_array
    from zif.model.dtypes import to_array as to_array
    from zif.model import installed_onnx as installed_onnx
    from zif.model.nodes import free_name as free_name
    from zif.model.unshared import unshare as unshare
    from zif.model.nodes import scan as scan
    from zif.model.signatures import Signature as Signature
    from zif.model.signatures import signature as signature
    from zif.model.signatures import normal as normal
    from zif.model.signatures import since_version as since_version
    from zif.model.source import read as read_model
    from zif.model.subgraphs import all_graphs as all_graphs
    from zif.model.subgraphs import bodies as bodies
    from zif.model.subgraphs import captures as captures
    from zif.model.walk import NodeView as NodeView
    from zif.model.walk import may_nest as may_nest
    from zif.model.walk import unit_nodes as unit_nodes
    from zif.verdicts.declared import Claims as Claims
    from zif.verdicts.facts import unit_facts as unit_facts
    from zif.verdicts.observed import Table as Table
    from zif.verdicts.observed import save as save_table
    from zif.verdicts.shipped import observed_units as observed_units
    from zif.testing.learning import Case as Case
    from zif.testing.learning import learn as learn
    from zif.testing.nodetests import NodeTest as NodeTest
    from zif.testing.nodetests import node_tests as node_tests
    from zif.testing.nodetests import observe as observe_tests
    from zif.inputs import parse as parse_preprocess
    from zif.inputs import random_inputs as random_inputs
    from zif.inputs.samples import Labelled as Labelled
    from zif.inputs.samples import Sample as Sample
    from zif.inputs.samples import Samples as Samples
    from zif.inputs.samples import Subset as Subset
    from zif.inputs.samples import samples_of as samples_of
    from zif.encodings.clips import clipped_at as clipped_at
    from zif.encodings.clips import covers as covers
    from zif.encodings.clips import span as span
    from zif.encodings.copies import copies as copies
    from zif.encodings.export import export as export_encodings
    from zif.encodings import names as encoding_names
    from zif.encodings.names import AFTER as AFTER
    from zif.encodings.names import BEFORE as BEFORE
    from zif.encodings.names import QUANTIZED as QUANTIZED
    from zif.encodings.names import STORED as STORED
    from zif.encodings.names import Names as Names
    from zif.encodings.names import annotate as annotate
    from zif.encodings.names import axis_of as axis_of
    from zif.encodings.operators import BIASED as BIASED
    from zif.encodings.operators import CHANNEL_AXIS as CHANNEL_AXIS
    from zif.encodings.operators import MERGED as MERGED
    from zif.encodings.operators import WEIGHTED as WEIGHTED
    from zif.encodings.reading import read as read_encodings
    from zif.encodings.reading import repaired as repaired
    from zif.encodings.record import Encoding as Encoding
    from zif.encodings.record import Encodings as Encodings
    from zif.encodings.record import FORMATS as FORMATS
    from zif.encodings.record import LEAST_SCALE as LEAST_SCALE
    from zif.encodings.record import Problem as Problem
    from zif.encodings.writing import write as write_encodings
    from zif.runtime.session.admit import Admission as Admission
    from zif.evaluation.accuracy import Function as Function
    from zif.evaluation.accuracy import resolved as resolved
    from zif.evaluation.accuracy import score as score
    from zif.runtime.measures import Tally as Tally
    from zif.runtime.measures import is_float as is_float
    from zif.evaluation.comparison.sides import literal as literal
    from zif.evaluation.comparison.where import idle_accelerator as idle_accelerator
    from zif.cli import options as options
    from zif.cli.options import JsonOption as JsonOption
    from zif.cli.files import check_output as check_output
    from zif.cli.overwriting import check_outputs as check_outputs
    from zif.cli.overwriting import read_by as read_by
    from zif.cli.files import write_all as write_all
    from zif.cli.files import write_text as write_text
    from zif.cli.inputs import note_folder as note_folder
    from zif.cli.views import terminal as terminal
    from zif.cli.views.terminal import say as say
    from zif.cli.views.terminal import note as note
    from zif.cli.views.terminal import table as show_table
    from zif.cli.views.terminal import document as print_document
    from zif.cli.views.progress import working as working
    from zif.cli.views.compare import decibels as decibels
    from zif.cli.views.compare import told_db as told_db
    from zif.wording import things as things
    from zif.wording import csv_cell as csv_cell
    from zif.wording import did_you_mean as did_you_mean
    from zif.wording import listed as listed
    from zif.files.writing import write_whole as write_whole
    from zif.files.leftovers import private_folder as private_folder
    from zif.model.attributes import attribute as attribute
    from zif.model.attributes import attributes as attributes
    from zif.model.attributes import attribute_list as attribute_list
    from zif.encodings.operators import MOVES as MOVES
    from zif.backends.onnx_artifact import content_of as content_of

#: For annotations only: they name what typing knows, and nothing is there when a program runs.
TYPING = frozenset({"Array", "Source"})

#: Section by section: the public name, the module behind it, its name there, and what it is.
SECTIONS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "The contract's smaller words: what crosses between core and a backend, beside the names of `zif`": (
        ("Array", "zif.records", "Array", "a numpy array of any dtype (typing only)"),
        ("Basis", "zif.records", "Basis", "`declared`, `probed`, `observed` or `verified`: on what a verdict rests"),
        ("BoundRun", "zif.records", "BoundRun", "what `bind` returns: a run over bound buffers"),
        ("DTYPE_BITS", "zif.records", "DTYPE_BITS", "bits of one element by dtype"),
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
            "zif.runtime.cache.place",
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
    ),
    "Models: reading a graph without walking protobuf by hand": (
        ("Source", "zif.model.arguments", "Source", "what a caller may hand in as a model"),
        ("Progress", "zif.model.arguments", "Progress", "a function that is told what is being done"),
        ("numpy_dtype", "zif.model.dtypes", "numpy_dtype", "the numpy dtype of an ONNX element type"),
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
            "zif.planning.candidates.wanted",
            "quantization_rules",
            "what the backends of a plan for some targets want of a quantized model",
        ),
        ("rules_of", "zif.planning.candidates.wanted", "rules_of", "what one backend wants of it"),
        ("Wanted", "zif.planning.candidates.wanted", "Wanted", "such rules, and whose they are"),
        ("clipped_at", "zif.encodings.clips", "clipped_at", "where a Relu or Clip cuts off"),
        ("covers", "zif.encodings.clips", "covers", "whether an encoding's range ends where a Clip does"),
        ("span", "zif.encodings.clips", "span", "the range of an encoding"),
        ("copies", "zif.encodings.copies", "copies", "values that are copies for one reader"),
        ("export_encodings", "zif.encodings.export", "export", "the encodings of a QDQ model"),
        ("encoding_names", "zif.encodings", "names", "the module of the names that quantized tensors get"),
        ("AFTER", "zif.encodings.names", "AFTER", "suffix of what follows a DequantizeLinear"),
        ("BEFORE", "zif.encodings.names", "BEFORE", "suffix of what precedes a QuantizeLinear"),
        ("QUANTIZED", "zif.encodings.names", "QUANTIZED", "suffix of a quantized constant"),
        ("STORED", "zif.encodings.names", "STORED", "suffix of a stored constant"),
        ("Names", "zif.encodings.names", "Names", "names of tensors as a file and a graph have them"),
        ("annotate", "zif.encodings.names", "annotate", "write a name into a model's metadata"),
        ("axis_of", "zif.encodings.names", "axis_of", "the channel axis of an encoding"),
        ("BIASED", "zif.encodings.operators", "BIASED", "operators with a bias"),
        ("CHANNEL_AXIS", "zif.encodings.operators", "CHANNEL_AXIS", "channel axes of weights"),
        ("MERGED", "zif.encodings.operators", "MERGED", "operators merged into the one before"),
        ("MOVES", "zif.encodings.operators", "MOVES", "operators that only move data"),
        ("WEIGHTED", "zif.encodings.operators", "WEIGHTED", "operators with a weight"),
        ("read_encodings", "zif.encodings.reading", "read", "a file of encodings"),
        ("repaired", "zif.encodings.reading", "repaired", "a file with contradictions settled by min and max"),
        ("Encoding", "zif.encodings.record", "Encoding", "one tensor's encoding"),
        ("Encodings", "zif.encodings.record", "Encodings", "a file of them"),
        ("FORMATS", "zif.encodings.record", "FORMATS", "the formats that are written"),
        (
            "LEAST_SCALE",
            "zif.encodings.record",
            "LEAST_SCALE",
            "the least scale that float32 holds with its reciprocal",
        ),
        ("Problem", "zif.encodings.record", "Problem", "what is wrong with an entry"),
        ("write_encodings", "zif.encodings.writing", "write", "encodings as a document in a format"),
    ),
    "Judging: how right a model is": (
        ("Admission", "zif.runtime.session.admit", "Admission", "holds inputs against what a model takes"),
        ("Function", "zif.evaluation.accuracy", "Function", "a user's judge of a session"),
        ("resolved", "zif.evaluation.accuracy", "resolved", "the function behind FILE.py:FUNCTION"),
        ("score", "zif.evaluation.accuracy", "score", "its number for a session"),
        ("Tally", "zif.runtime.measures", "Tally", "SQNR, cosine and errors, summed over samples"),
        ("is_float", "zif.runtime.measures", "is_float", "whether a dtype is a floating point"),
        ("literal", "zif.evaluation.comparison.sides", "literal", "a model as it is written, on the reference"),
        (
            "idle_accelerator",
            "zif.evaluation.comparison.where",
            "idle_accelerator",
            "the accelerator that a plan leaves idle",
        ),
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
        ("things", "zif.wording", "things", "a number with its noun"),
        ("csv_cell", "zif.wording", "csv_cell", "a cell for spreadsheets that is no formula"),
        ("listed", "zif.wording", "listed", "at most so many names, and that there are more"),
        ("did_you_mean", "zif.wording", "did_you_mean", "the question after an unknown word"),
    ),
}
_WHERE = {name: (home, attribute) for rows in SECTIONS.values() for name, home, attribute, _ in rows}
__all__ = [
    "AFTER",
    "BEFORE",
    "BIASED",
    "CHANNEL_AXIS",
    "DTYPE_BITS",
    "FORMATS",
    "LEAST_SCALE",
    "MERGED",
    "MOVES",
    "QUANTIZED",
    "STORED",
    "WEIGHTED",
    "Admission",
    "Array",
    "Basis",
    "BoundRun",
    "Case",
    "Check",
    "Claims",
    "Encoding",
    "Encodings",
    "FixedRange",
    "Function",
    "JsonOption",
    "Labelled",
    "Names",
    "NodeTest",
    "NodeView",
    "Problem",
    "Progress",
    "QuantizationRules",
    "Said",
    "Sample",
    "Samples",
    "Signature",
    "Source",
    "Subset",
    "Table",
    "Tally",
    "Wanted",
    "WeightType",
    "all_graphs",
    "annotate",
    "attribute",
    "attribute_list",
    "attributes",
    "axis_of",
    "bodies",
    "build_options",
    "cache_folder",
    "captures",
    "check_output",
    "check_outputs",
    "clipped_at",
    "content_of",
    "copies",
    "covers",
    "csv_cell",
    "decibels",
    "did_you_mean",
    "element_dtype",
    "element_type",
    "encoding_names",
    "export_encodings",
    "free_name",
    "from_array",
    "idle_accelerator",
    "installed_onnx",
    "is_float",
    "laid_out",
    "learn",
    "listed",
    "literal",
    "may_nest",
    "node_tests",
    "normal",
    "note",
    "note_folder",
    "numpy_dtype",
    "observe_tests",
    "observed_units",
    "options",
    "parse_arrays",
    "parse_json",
    "parse_preprocess",
    "parse_record",
    "print_document",
    "private_folder",
    "quantization_rules",
    "random_inputs",
    "read_by",
    "read_encodings",
    "read_model",
    "repaired",
    "resolved",
    "rules_of",
    "samples_of",
    "save_table",
    "say",
    "scan",
    "score",
    "show_table",
    "signature",
    "since_version",
    "span",
    "terminal",
    "things",
    "to_array",
    "told_db",
    "unit_facts",
    "unit_nodes",
    "unshare",
    "working",
    "write_all",
    "write_encodings",
    "write_text",
    "write_whole",
]
__all__ = sorted(_WHERE)  # what each is stands above, and in plugin.pyi for typing


def __getattr__(name: str) -> Any:
    if name not in _WHERE or name in TYPING:
        raise AttributeError(f"module 'zif.plugin' has no attribute {name!r}")
    home, attribute = _WHERE[name]
    module = importlib.import_module(home)
    value = getattr(module, attribute) if hasattr(module, attribute) else importlib.import_module(f"{home}.{attribute}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
