"""Backends that are wrong in what they say or compute, in one way each."""

from __future__ import annotations

from zif.testing.mutants.record import Mutant

FIRST = (
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
)
