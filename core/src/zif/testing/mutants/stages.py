"""Backends that are broken in their stages, in one way each."""

from __future__ import annotations

from zif.testing.mutants.record import Mutant

SECOND = (
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
