"""What typing knows of `zif.plugin`, name by name; the module itself finds each when it is first used."""

from zif.artifacts.cache.place import kept_folder as cache_folder
from zif.backends.checks import Check as Check
from zif.backends.laying_out import laid_out as laid_out
from zif.backends.onnx_artifact import content_of as content_of
from zif.backends.options import build_options as build_options
from zif.backends.survey import ask_all as ask_backends
from zif.cli import options as options
from zif.cli.files import check_output as check_output
from zif.cli.files import write_all as write_all
from zif.cli.files import write_text as write_text
from zif.cli.inputs import note_folder as note_folder
from zif.cli.options import JsonOption as JsonOption
from zif.cli.overwriting import check_outputs as check_outputs
from zif.cli.overwriting import read_by as read_by
from zif.cli.views import terminal as terminal
from zif.cli.views.compare import decibels as decibels
from zif.cli.views.compare import told_db as told_db
from zif.cli.views.progress import working as working
from zif.cli.views.terminal import document as print_document
from zif.cli.views.terminal import note as note
from zif.cli.views.terminal import say as say
from zif.cli.views.terminal import table as show_table
from zif.errors import EngineRefused as EngineRefused
from zif.evaluation.accuracy import Function as Function
from zif.evaluation.accuracy import resolved as resolved
from zif.evaluation.accuracy import score as score
from zif.evaluation.comparison.idle import idle_accelerator as idle_accelerator
from zif.evaluation.comparison.sides import literal as literal
from zif.evaluation.profiling.store import keep_times as keep_times
from zif.evaluation.verification import verify as verify
from zif.files.archives import arrays_in as parse_arrays
from zif.files.documents import json_of as parse_json
from zif.files.documents import read_table as read_table
from zif.files.installing import to_install as to_install
from zif.files.kinds import kind_of as kind_of
from zif.files.leftovers import private_folder as private_folder
from zif.files.limits import TEXT as TEXT
from zif.files.limits import VALUES as VALUES
from zif.files.limits import WEIGHTS as WEIGHTS
from zif.files.members import Content as Content
from zif.files.members import zip_contents as zip_contents
from zif.files.members import zip_members as zip_members
from zif.files.opening import open_plain as open_plain
from zif.files.opening import read_bytes as read_bytes
from zif.files.records import record as parse_record
from zif.files.text import read_text as read_text
from zif.files.wire import fields as message_fields
from zif.files.wording import csv_cell as csv_cell
from zif.files.wording import did_you_mean as did_you_mean
from zif.files.wording import duration as duration
from zif.files.wording import json_text as json_text
from zif.files.wording import listed as listed
from zif.files.wording import operators as operators
from zif.files.wording import size as size
from zif.files.wording import things as things
from zif.files.writing import refused as refused
from zif.files.writing import write_whole as write_whole
from zif.inputs import parse as parse_preprocess
from zif.inputs import random_inputs as random_inputs
from zif.inputs.samples import Labelled as Labelled
from zif.inputs.samples import Sample as Sample
from zif.inputs.samples import Samples as Samples
from zif.inputs.samples import Subset as Subset
from zif.inputs.samples import samples_of as samples_of
from zif.model import installed_onnx as installed_onnx
from zif.model.arguments import Progress as Progress
from zif.model.arguments import Source as Source
from zif.model.attributes import attribute as attribute
from zif.model.attributes import attribute_list as attribute_list
from zif.model.attributes import attributes as attributes
from zif.model.dtypes import element_dtype as element_dtype
from zif.model.dtypes import element_type as element_type
from zif.model.dtypes import from_array as from_array
from zif.model.dtypes import numpy_dtype as numpy_dtype
from zif.model.dtypes import to_array as to_array
from zif.model.encodings import names as encoding_names
from zif.model.encodings.clips import clipped_at as clipped_at
from zif.model.encodings.clips import covers as covers
from zif.model.encodings.clips import span as span
from zif.model.encodings.copies import copies as copies
from zif.model.encodings.export import export as export_encodings
from zif.model.encodings.formats import FORMATS as FORMATS
from zif.model.encodings.formats import called as called_format
from zif.model.encodings.formats import format_of as encodings_format
from zif.model.encodings.names import AFTER as AFTER
from zif.model.encodings.names import BEFORE as BEFORE
from zif.model.encodings.names import QUANTIZED as QUANTIZED
from zif.model.encodings.names import STORED as STORED
from zif.model.encodings.names import Names as Names
from zif.model.encodings.names import annotate as annotate
from zif.model.encodings.names import axis_of as axis_of
from zif.model.encodings.operators import BIASED as BIASED
from zif.model.encodings.operators import CHANNEL_AXIS as CHANNEL_AXIS
from zif.model.encodings.operators import MERGED as MERGED
from zif.model.encodings.operators import MOVES as MOVES
from zif.model.encodings.operators import WEIGHTED as WEIGHTED
from zif.model.encodings.reading import read as read_encodings
from zif.model.encodings.reading import repaired as repaired
from zif.model.encodings.record import LEAST_SCALE as LEAST_SCALE
from zif.model.encodings.record import Encoding as Encoding
from zif.model.encodings.record import Encodings as Encodings
from zif.model.encodings.record import Problem as Problem
from zif.model.encodings.writing import write as write_encodings
from zif.model.infinities import judged as judging_infinities
from zif.model.infinities import spread as infinite_values
from zif.model.nodes import free_name as free_name
from zif.model.nodes import scan as scan
from zif.model.signatures import Signature as Signature
from zif.model.signatures import normal as normal
from zif.model.signatures import signature as signature
from zif.model.signatures import since_version as since_version
from zif.model.source import read as read_model
from zif.model.subgraphs import all_graphs as all_graphs
from zif.model.subgraphs import bodies as bodies
from zif.model.subgraphs import captures as captures
from zif.model.unshared import unshare as unshare
from zif.model.walk import NodeView as NodeView
from zif.model.walk import may_nest as may_nest
from zif.model.walk import unit_nodes as unit_nodes
from zif.planning.candidates.quantizer_rules import Wanted as Wanted
from zif.planning.candidates.quantizer_rules import quantization_rules as quantization_rules
from zif.planning.candidates.quantizer_rules import rules_of as rules_of
from zif.records import DTYPE_BITS as DTYPE_BITS
from zif.records import Array as Array
from zif.records import Basis as Basis
from zif.records import BoundRun as BoundRun
from zif.records import EngineOperator as EngineOperator
from zif.records import FixedRange as FixedRange
from zif.records import OperatorTrace as OperatorTrace
from zif.records import QuantizationRules as QuantizationRules
from zif.records import Said as Said
from zif.records import WeightType as WeightType
from zif.report import plan_html as plan_html
from zif.runtime.export.contract import Export as Export
from zif.runtime.export.contract import Exported as Exported
from zif.runtime.export.contract import Exporter as Exporter
from zif.runtime.export.onnx_form import OnnxForm as OnnxForm
from zif.runtime.frontends.code import imports_any as imports_any
from zif.runtime.frontends.code import made_by as made_by
from zif.runtime.frontends.code import object_of as object_of
from zif.runtime.frontends.common import FrontendAt as FrontendAt
from zif.runtime.frontends.common import asked_for as asked_for
from zif.runtime.frontends.common import first_line as first_line
from zif.runtime.frontends.common import key_of as key_of
from zif.runtime.frontends.common import label_of as label_of
from zif.runtime.frontends.common import opset_of as opset_of
from zif.runtime.frontends.common import shapes_for as shapes_for
from zif.runtime.frontends.common import versions as versions
from zif.runtime.frontends.contract import Imported as Imported
from zif.runtime.frontends.contract import Named as Named
from zif.runtime.frontends.contract import Origin as Origin
from zif.runtime.frontends.contract import Recognized as Recognized
from zif.runtime.frontends.contract import Request as Request
from zif.runtime.measures import Tally as Tally
from zif.runtime.measures import is_float as is_float
from zif.runtime.session.admit import Admission as Admission
from zif.targets import targets as targets
from zif.testing.learning import Case as Case
from zif.testing.learning import learn as learn
from zif.testing.nodetests import NodeTest as NodeTest
from zif.testing.nodetests import node_tests as node_tests
from zif.testing.nodetests import observe as observe_tests
from zif.verdicts.declared import Claims as Claims
from zif.verdicts.facts import unit_facts as unit_facts
from zif.verdicts.observed import Table as Table
from zif.verdicts.observed import save as save_table
from zif.verdicts.shipped import observed_units as observed_units

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
    "TEXT",
    "VALUES",
    "WEIGHTED",
    "WEIGHTS",
    "Admission",
    "Array",
    "Basis",
    "BoundRun",
    "Case",
    "Check",
    "Claims",
    "Content",
    "Encoding",
    "Encodings",
    "EngineOperator",
    "EngineRefused",
    "Export",
    "Exported",
    "Exporter",
    "FixedRange",
    "FrontendAt",
    "Function",
    "Imported",
    "JsonOption",
    "Labelled",
    "Named",
    "Names",
    "NodeTest",
    "NodeView",
    "OnnxForm",
    "OperatorTrace",
    "Origin",
    "Problem",
    "Progress",
    "QuantizationRules",
    "Recognized",
    "Request",
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
    "ask_backends",
    "asked_for",
    "attribute",
    "attribute_list",
    "attributes",
    "axis_of",
    "bodies",
    "build_options",
    "cache_folder",
    "called_format",
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
    "duration",
    "element_dtype",
    "element_type",
    "encoding_names",
    "encodings_format",
    "export_encodings",
    "first_line",
    "free_name",
    "from_array",
    "idle_accelerator",
    "imports_any",
    "infinite_values",
    "installed_onnx",
    "is_float",
    "json_text",
    "judging_infinities",
    "keep_times",
    "key_of",
    "kind_of",
    "label_of",
    "laid_out",
    "learn",
    "listed",
    "literal",
    "made_by",
    "may_nest",
    "message_fields",
    "node_tests",
    "normal",
    "note",
    "note_folder",
    "numpy_dtype",
    "object_of",
    "observe_tests",
    "observed_units",
    "open_plain",
    "operators",
    "opset_of",
    "options",
    "parse_arrays",
    "parse_json",
    "parse_preprocess",
    "parse_record",
    "plan_html",
    "print_document",
    "private_folder",
    "quantization_rules",
    "random_inputs",
    "read_by",
    "read_bytes",
    "read_encodings",
    "read_model",
    "read_table",
    "read_text",
    "refused",
    "repaired",
    "resolved",
    "rules_of",
    "samples_of",
    "save_table",
    "say",
    "scan",
    "score",
    "shapes_for",
    "show_table",
    "signature",
    "since_version",
    "size",
    "span",
    "targets",
    "terminal",
    "things",
    "to_array",
    "to_install",
    "told_db",
    "unit_facts",
    "unit_nodes",
    "unshare",
    "verify",
    "versions",
    "working",
    "write_all",
    "write_encodings",
    "write_text",
    "write_whole",
    "zip_contents",
    "zip_members",
]
