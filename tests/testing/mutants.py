"""Backends that are broken in one way each, and which test of the kit has to notice.

Each is the honest backend below with some lines laid over it.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

HONEST = """
import attrs, numpy as np, onnx, zif
from onnx.reference import ReferenceEvaluator
from zif import Capabilities, Compiled, OpClaim, TensorInfo, declared, hookimpl

FLOAT = dict.fromkeys("TV", frozenset({"tensor(float)"}))
OPS = ("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Identity", "Add", "Sub", "Mul", "Max", "Min", "MatMul", "Conv")
CLAIMS = tuple(OpClaim(op, types=FLOAT) for op in OPS)


@attrs.frozen
class Options:
    factor: float = attrs.field(default=1.0, metadata={"help": "what every output is multiplied by"})
    decimals: int | None = attrs.field(default=None, metadata={"help": "what every output is rounded to"})


def described(model):
    verdicts = {} if model is None else declared(model, CLAIMS, engine="the mutant")
    return Capabilities("cpu", toolchain="mutant 1", ops=CLAIMS, options=Options, verdicts=verdicts)


@hookimpl
def capabilities(target, model):
    return described(model)


def packed(converted, options):
    data = converted.data.proto.SerializeToString()
    files = {"m": data, **converted.data.external_files()}
    return Compiled("mutant", files, "m", converted.inputs, converted.outputs)


def place_weights(model, files):
    for tensor in model.graph.initializer:
        where = {entry.key: entry.value for entry in tensor.external_data}
        if where:
            data = files[where["location"]].read_bytes()
            start = int(where.get("offset", 0))
            tensor.raw_data = data[start : start + int(where.get("length", len(data)))]
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]


@hookimpl
def compile(converted, options):
    return packed(converted, options)


@hookimpl
def load(compiled, options):
    if compiled.format != "mutant":
        raise zif.StageFailed(f"not an artifact of this backend: {compiled.format}")
    return Run(compiled, options)


class Run:
    def __init__(self, compiled, options):
        content = compiled.files[compiled.main]
        try:
            self.model = onnx.load_model_from_string(content if isinstance(content, bytes) else content.read_bytes())
            place_weights(self.model, compiled.files)
        except Exception as error:
            raise zif.StageFailed(f"the artifact cannot be read: {error}") from error
        self.names = [value.name for value in self.model.graph.output]
        self.engine = ReferenceEvaluator(self.model)
        self.factor, self.decimals = options.factor, options.decimals

    def compute(self, inputs):
        return dict(zip(self.names, map(self.finished, self.engine.run(self.names, dict(inputs)))))

    def finished(self, value):
        if not isinstance(value, np.ndarray):
            return value
        value = np.array(value) if self.factor == 1 else np.array(value * np.float32(self.factor))
        return value if self.decimals is None else np.round(value, self.decimals)

    def run(self, inputs):
        return self.compute(inputs)

    def close(self):
        pass
"""


@frozen
class Mutant:
    """One way to be broken. `caught_by`: the test of the kit that has to fail, as pytest's -k takes it."""

    name: str
    caught_by: str
    source: str


MUTANTS = (
    Mutant(
        "wrong_numbers_in_one_op",
        "test_operator and Tanh",
        """
class Run(Run):
    def run(self, inputs):
        wrong = any(node.op_type == "Tanh" for node in self.model.graph.node)
        return {name: value * 1.01 if wrong else value for name, value in self.compute(inputs).items()}
""",
    ),
    Mutant(
        "wrong_dtype",
        "test_dtypes_and_shapes_are_as_declared",
        """
class Run(Run):
    def run(self, inputs):
        return {name: value.astype(np.float64) for name, value in self.compute(inputs).items()}
""",
    ),
    Mutant(
        "mutates_its_input",
        "test_inputs_are_left_untouched",
        """
class Run(Run):
    def run(self, inputs):
        outputs = self.compute(inputs)
        for value in inputs.values():
            if value.flags.writeable:
                value *= 0
        return outputs
""",
    ),
    Mutant(
        "needs_writable_inputs",
        "test_read_only_inputs_are_taken",
        """
class Run(Run):
    def run(self, inputs):
        for value in inputs.values():
            value += 0
        return self.compute(inputs)
""",
    ),
    Mutant(
        "leaks_memory",
        "test_fifty_cycles_do_not_leak",
        """
HOARD = []
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, options)
        HOARD.append(np.ones(4_000_000, np.uint8))
""",
    ),
    Mutant(
        "leaks_files",
        "test_fifty_cycles_do_not_leak",
        """
import os
HOARD = []
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, options)
        HOARD.append(open(os.devnull))
""",
    ),
    Mutant(
        "claims_more_than_it_can",
        "test_operator and Softmax",
        """
CLAIMS = (*CLAIMS, OpClaim("Softmax", types=FLOAT))
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, options)
        if any(node.op_type == "Softmax" for node in self.model.graph.node):
            raise zif.StageFailed("no kernel for Softmax")
""",
    ),
    Mutant(
        "refuses_and_computes_wrongly",
        "test_what_is_refused_is_refused_again",
        """
class Run(Run):
    def run(self, inputs):
        outputs = self.compute(inputs)
        odd = any(node.op_type not in OPS for node in self.model.graph.node)
        return {name: value + 1 if odd and value.dtype.kind == "f" else value for name, value in outputs.items()}
""",
    ),
    Mutant(
        "refuses_without_naming",
        "test_refuses_what_it_does_not_know_by_name",
        """
@hookimpl
def capabilities(target, model):
    said = described(model)
    vague = {n: v if v.supported else attrs.evolve(v, reason="not supported") for n, v in said.verdicts.items()}
    return attrs.evolve(said, verdicts=vague)
""",
    ),
    Mutant(
        "leaves_units_out",
        "test_gives_a_verdict_on_every_unit",
        """
@hookimpl
def capabilities(target, model):
    said = described(model)
    return attrs.evolve(said, verdicts=dict(list(said.verdicts.items())[1:]))
""",
    ),
    Mutant(
        "crashes_on_second_close",
        "test_close_may_be_called_twice",
        """
class Run(Run):
    def close(self):
        del self.engine
""",
    ),
    Mutant(
        "changes_its_mind",
        "test_answers_twice_alike",
        """
import itertools
COUNT = itertools.count()
@hookimpl
def capabilities(target, model):
    return attrs.evolve(described(model), notes=(f"asked {next(COUNT)} times",))
""",
    ),
    Mutant(
        "does_not_pickle",
        "test_pickles",
        """
SAID = {}
def described(model):
    verdicts = {} if model is None else declared(model, CLAIMS, engine="the mutant")
    @attrs.frozen
    class Options:
        factor: float = attrs.field(default=1.0, metadata={"help": "x"})
    return Capabilities("cpu", toolchain="mutant 1", options=SAID.setdefault(0, Options), verdicts=verdicts)
""",
    ),
    Mutant(
        "prints_on_stdout",
        "test_answers_in_a_fresh_process",
        """
print(" # LIBNATIVE: hello")
""",
    ),
    Mutant(
        "artifact_needs_this_process",
        "test_loads_in_another_process",
        """
SHELF = {}
@hookimpl
def compile(converted, options):
    whole = packed(converted, options)
    key = str(len(SHELF)).encode()
    SHELF[key] = whole.files["m"]
    return attrs.evolve(whole, files={"m": key})
@hookimpl
def load(compiled, options):
    key = compiled.files["m"]
    if key not in SHELF:
        raise zif.StageFailed("the artifact cannot be read")
    return Run(attrs.evolve(compiled, files={"m": SHELF[key]}), options)
""",
    ),
    Mutant(
        "opens_anything",
        "test_another_backends_artifact_is_refused",
        """
class Anything(Run):
    def __init__(self, compiled, options):
        pass
    def run(self, inputs):
        return {"y": np.zeros((2, 4), np.float32)}
@hookimpl
def load(compiled, options):
    try:
        return Run(compiled, options)
    except zif.ZifError:
        return Anything(compiled, options)
""",
    ),
    Mutant(
        "not_thread_safe",
        "test_threads_get_their_own_answers",
        """
import time
class Run(Run):
    def run(self, inputs):
        self.held = dict(inputs)
        time.sleep(0.001)
        return self.compute(self.held)
""",
    ),
    Mutant(
        "reuses_its_output_buffer",
        "test_an_output_is_not_overwritten_by_the_next_run",
        """
class Run(Run):
    buffers = None
    def run(self, inputs):
        outputs = self.compute(inputs)
        if self.buffers is None:
            self.buffers = outputs
        for name, value in outputs.items():
            self.buffers[name][...] = value
        return self.buffers
""",
    ),
    Mutant(
        "remembers_the_last_run",
        "test_the_same_input_gives_the_same_output",
        """
class Run(Run):
    bias = 0.0
    def run(self, inputs):
        outputs = {name: value + np.float32(self.bias) for name, value in self.compute(inputs).items()}
        self.bias += 0.01
        return outputs
""",
    ),
    Mutant(
        "raises_its_engines_errors",
        "test_errors_are_ours",
        """
class Broken:
    def run(self, inputs):
        raise RuntimeError("engine error 1002")
    def close(self):
        pass
@hookimpl
def load(compiled, options):
    try:
        return Run(compiled, options)
    except zif.ZifError:
        return Broken()
""",
    ),
    Mutant(
        "options_without_help",
        "test_options_have_help",
        """
@attrs.frozen
class Options:
    factor: float = 1.0
""",
    ),
    Mutant(
        "claims_an_operator_that_does_not_exist",
        "test_claims_name_real_operators",
        """
CLAIMS = (*CLAIMS, OpClaim("Conv2d", types=FLOAT))
""",
    ),
    Mutant(
        "unavailable_without_a_reason",
        "test_says_what_is_missing",
        """
@hookimpl
def capabilities(target, model):
    return attrs.evolve(described(model), available=False, reason="")
""",
    ),
    Mutant(
        "drops_an_output",
        "test_any_split_with_the_reference_agrees and fork",
        """
class Run(Run):
    def run(self, inputs):
        outputs = self.compute(inputs)
        return dict(list(outputs.items())[:1])
""",
    ),
    Mutant(
        "mixes_up_two_models",
        "test_two_at_once_do_not_mix",
        """
LAST = {}
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, options)
        LAST["run"] = self
    def run(self, inputs):
        other = LAST["run"]
        try:
            return other.compute(inputs)
        except Exception as error:
            raise zif.StageFailed(str(error)) from error
""",
    ),
    Mutant(
        "ignores_an_option",
        "test_every_option_is_read",
        """
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, Options(decimals=options.decimals))
""",
    ),
    Mutant(
        "answers_slowly",
        "test_answers_before_the_deadline",
        """
import os, time
@hookimpl
def capabilities(target, model):
    if model is None:
        time.sleep(2 * float(os.environ.get("ZIF_DEADLINE", "10")))
    return described(model)
""",
    ),
    Mutant(
        "looks_for_its_files_by_their_names",
        "test_files_may_have_other_names",
        """
@hookimpl
def load(compiled, options):
    content = compiled.files[compiled.main]
    if not isinstance(content, bytes):
        beside = content.parent / compiled.main
        if not beside.is_file():
            raise zif.StageFailed(f"{beside} is missing")
        content = beside.read_bytes()
    if compiled.format != "mutant":
        raise zif.StageFailed("not an artifact of this backend")
    return Run(attrs.evolve(compiled, files={compiled.main: content}), options)
""",
    ),
    Mutant(
        "forgets_weights_in_files",
        "test_weights_in_a_file_of_their_own",
        """
def packed(converted, options):
    data = converted.data.proto.SerializeToString()
    return Compiled("mutant", {"m": data}, "m", converted.inputs, converted.outputs)
""",
    ),
    Mutant(
        "swallows_ctrl_c",
        "test_ctrl_c_ends_the_host_quickly",
        """
import time
class Run(Run):
    def run(self, inputs):
        while True:
            try:
                time.sleep(0.5)
                return self.compute(inputs)
            except KeyboardInterrupt:
                continue
""",
    ),
    Mutant(
        "leaves_a_process_behind",
        "test_ctrl_c_ends_the_host_quickly",
        """
import subprocess, sys
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, options)
        code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(300)"
        self.helper = subprocess.Popen([sys.executable, "-c", code])
    def close(self):
        pass
""",
    ),
    Mutant(
        "leaks_threads",
        "test_fifty_cycles_do_not_leak",
        """
import threading
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, options)
        threading.Thread(target=threading.Event().wait, daemon=True).start()
""",
    ),
    Mutant(
        "ends_the_process_in_a_run",
        "test_operator and Tanh",
        """
import os, signal
class Run(Run):
    def run(self, inputs):
        if any(node.op_type == "Tanh" for node in self.model.graph.node):
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.compute(inputs)
""",
    ),
    Mutant(
        "returns_the_artifact_of_another_model",
        "test_runs_a_tiny_network",
        """
FIRST = []
@hookimpl
def compile(converted, options):
    FIRST.append(packed(converted, options).files)
    return attrs.evolve(packed(converted, options), files=FIRST[0])
""",
    ),
    Mutant(
        "returns_another_backends_artifact",
        "test_runs_a_tiny_network",
        """
@hookimpl
def compile(converted, options):
    return attrs.evolve(packed(converted, options), format="somebody-elses-format")
""",
    ),
    Mutant(
        "lists_an_operator_that_it_refuses",
        "test_table_and_verdicts_agree",
        """
@hookimpl
def capabilities(target, model):
    said = described(model)
    verdicts = {} if model is None else declared(model, [c for c in CLAIMS if c.op_type != "Tanh"], engine="the mutant")
    return attrs.evolve(said, verdicts=verdicts)
""",
    ),
    Mutant(
        "takes_an_operator_that_it_does_not_list",
        "test_table_and_verdicts_agree",
        """
@hookimpl
def capabilities(target, model):
    said = described(model)
    return attrs.evolve(said, ops=tuple(c for c in CLAIMS if c.op_type != "Tanh"))
""",
    ),
)


def install(folder: Path) -> None:
    """Write all of them, and the honest one, as one distribution into a folder that can stand on PYTHONPATH."""
    info = folder / "zif_mutants-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zif-mutants\nVersion: 1.0\n")
    names = ["honest", *(mutant.name for mutant in MUTANTS)]
    (info / "entry_points.txt").write_text("[zif.backends]\n" + "".join(f"{n} = zif_mutant_{n}\n" for n in names))
    (folder / "zif_mutant_honest.py").write_text(HONEST)
    for mutant in MUTANTS:
        (folder / f"zif_mutant_{mutant.name}.py").write_text(HONEST + mutant.source)
