"""Backends that are bad neighbours, in one way each."""

from __future__ import annotations

from zif.testing.mutants.record import Mutant

THIRD = (
    Mutant(
        "writes_a_file_when_asked",
        "test_asking_leaves_no_file",
        """
import pathlib, tempfile
@hookimpl
def capabilities(target, model):
    with open(pathlib.Path(tempfile.gettempdir(), "asked.log"), "a") as log:
        log.write("asked\\n")
    return described(model)
""",
    ),
    Mutant(
        "keeps_every_output",
        "test_runs_keep_no_memory",
        """
KEPT = []
class Run(Run):
    def run(self, inputs):
        KEPT.append(np.ones(1600_000 // 8))
        return self.compute(inputs)
""",
    ),
    Mutant(
        "keeps_memory_of_every_load",
        "test_fifty_cycles_do_not_leak",
        """
KEPT = []
class Run(Run):
    def __init__(self, compiled, options):
        super().__init__(compiled, options)
        KEPT.append(np.ones(1600_000 // 8))
""",
    ),
    Mutant(
        "remembers_where_it_compiled",
        "test_a_bundle_that_moved_runs_elsewhere",
        """
import pathlib, tempfile
PLACE = pathlib.Path(tempfile.gettempdir())
@hookimpl
def compile(converted, options):
    made = packed(converted, options)
    place = PLACE / "compiled-model"
    place.write_bytes(made.files["m"])
    return attrs.evolve(made, files={**made.files, "where": str(place).encode()})
class Run(Run):
    def __init__(self, compiled, options):
        where = compiled.files["where"]
        pathlib.Path((where if isinstance(where, bytes) else where.read_bytes()).decode()).read_bytes()
        super().__init__(compiled, options)
""",
    ),
    Mutant(
        "logs_its_options_and_reads_none",
        "test_every_option_is_read",
        """
class Run(Run):
    def __init__(self, compiled, options):
        self.told = repr(options)
        super().__init__(compiled, Options())
""",
    ),
    Mutant(
        "prints_when_it_runs",
        "test_nothing_is_printed_to_stdout",
        """
class Run(Run):
    def run(self, inputs):
        print("inference took 1 ms")
        return self.compute(inputs)
""",
    ),
    Mutant(
        "prints_below_python",
        "test_nothing_is_printed_to_stdout",
        """
import os
@hookimpl
def compile(converted, options):
    os.write(1, b"compiling\\n")
    return packed(converted, options)
""",
    ),
    Mutant(
        "takes_a_signal_for_itself",
        "test_global_state_stays_as_it_was",
        """
import signal
@hookimpl
def compile(converted, options):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return packed(converted, options)
""",
    ),
    Mutant(
        "changes_the_environment",
        "test_global_state_stays_as_it_was",
        """
import os
class Run(Run):
    def __init__(self, compiled, options):
        os.environ["OMP_NUM_THREADS"] = "1"
        super().__init__(compiled, options)
""",
    ),
    Mutant(
        "changes_numpys_errors",
        "test_global_state_stays_as_it_was",
        """
class Run(Run):
    def run(self, inputs):
        np.seterr(all="raise")
        return self.compute(inputs)
""",
    ),
    Mutant(
        "changes_the_locale",
        "test_global_state_stays_as_it_was",
        """
import locale
@hookimpl
def capabilities(target, model):
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
    return described(model)
""",
    ),
    Mutant(
        "seeds_everybodys_chance",
        "test_global_state_stays_as_it_was",
        """
class Run(Run):
    def run(self, inputs):
        np.random.seed(0)
        return self.compute(inputs)
""",
    ),
    Mutant(
        "forks_in_a_hook",
        "test_no_hook_forks",
        """
import os
@hookimpl
def compile(converted, options):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return packed(converted, options)
""",
    ),
    Mutant(
        "never_ends_compiling",
        "test_the_artifact_has_its_birth_certificate",
        """
@hookimpl
def compile(converted, options):
    while True:
        pass
""",
        ("--deadline", "compile=2s"),
    ),
    Mutant(
        "never_ends_a_run",
        "test_read_only_inputs_are_taken",
        """
class Run(Run):
    def run(self, inputs):
        while True:
            pass
""",
        ("--deadline", "run=2s"),
    ),
    Mutant(
        "waits_for_ever_in_load",
        "test_close_may_be_called_twice",
        """
import threading
class Run(Run):
    def __init__(self, compiled, options):
        threading.Event().wait()
""",
        ("--deadline", "load=2s"),
    ),
)
