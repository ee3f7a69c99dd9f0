"""A backend whose executables offer what their options say, for wrappers that must offer the same and nothing else."""

from __future__ import annotations

import attrs
import numpy as np
from zif import Capabilities, Compiled, Converted, hookimpl
from zif.plugin import EngineOperator, OperatorTrace


@attrs.frozen
class Offers:
    binding: bool = False
    profile: bool = False
    unit_times: bool = False
    operators: bool = False
    notes: bool = False


@hookimpl
def capabilities():
    return Capabilities(processor="cpu", toolchain="able 1", options=Offers)


@hookimpl
def convert(model):
    return Converted("able", model, (), ())


@hookimpl
def compile(converted):
    return Compiled("able", {"what": b""}, "what", (), ())


@hookimpl
def load(options):
    offered = [kind for name, kind in KINDS.items() if getattr(options, name)]
    return type("Some", (*offered, Plain), {})()


class Plain:
    """Doubles `x` and adds `b` to it: outputs `y` and `z`, for inputs `x` and `b`."""

    def __init__(self):
        self.runs = 0

    def run(self, inputs):
        self.runs += 1
        return {"y": inputs["x"] * 2, "z": inputs["x"] + inputs["b"]}

    def close(self):
        pass


class Binds(Plain):
    def bind(self, inputs, outputs):
        bound = inputs

        def call(inputs):
            made = self.run({**bound, **inputs})
            for name, buffer in outputs.items():
                np.copyto(buffer, made.pop(name))
            return made

        return call


class Profiles(Plain):
    def profile(self):
        return {"runs so far": float(self.runs)}


class Times(Plain):
    def unit_times(self, inputs, runs):
        return {"Mul": float(inputs["x"][0]), "runs": float(runs)}


class Traces(Plain):
    def operators(self, inputs, runs):
        made = EngineOperator("Mul.7", "ElementWise", ("mul", "add"), cycles=float(inputs["x"][0]), us=float(runs))
        return OperatorTrace((made, EngineOperator("Input")), ("of one run",))


class Notes(Plain):
    notes = ("loaded with care",)


KINDS = {"binding": Binds, "profile": Profiles, "unit_times": Times, "operators": Traces, "notes": Notes}


class OwnExecute:
    """The same plugin with an `execute` of its own, which adds 100 to what its executable gives."""

    capabilities, convert, compile, load = map(staticmethod, (capabilities, convert, compile, load))

    @staticmethod
    @hookimpl
    def execute(executable, inputs):
        assert isinstance(executable, Plain)  # not what core puts in front of it
        return {name: value + 100 for name, value in executable.run(inputs).items()}


own_execute = OwnExecute()
