"""A backend that misbehaves on request. Its artifact's one file says what `run` does; nothing here needs a model."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from pathlib import Path

import attrs
import numpy as np
import zif
from zif import Capabilities, Compiled, Converted, hookimpl


@attrs.frozen
class WildOptions:
    compile: str = "fine"
    load: str = "fine"


class Odd(Exception):
    def __init__(self, first, second):
        super().__init__(first)
        self.lock = __import__("threading").Lock()


class OddZif(zif.ZifError):
    def __init__(self, first, second):
        super().__init__(first)


@hookimpl
def capabilities(model):
    if isinstance(model, str):
        do(model, {})
    return Capabilities(processor="cpu", toolchain="wild 1", options=WildOptions, isolate=True)


@hookimpl
def convert(model):
    return Converted("wild", model, (), ())


@hookimpl
def compile(converted, options):
    do(options.compile, {})
    return Compiled("wild", {"what": converted.data.encode()}, "what", (), ())


@hookimpl
def load(compiled, options):
    do(options.load, {})
    what = compiled.files[compiled.main]
    what = what.read_bytes() if isinstance(what, Path) else what
    return (Profiled if what == b"profile" else Run)(what.decode())


class Run:
    def __init__(self, what):
        self.what = what
        self.kept = None

    def run(self, inputs):
        return do(self.what, inputs, self)

    def close(self):
        if self.what == "noisy":
            print("closed", flush=True)


class Profiled(Run):
    def profile(self):
        return {"part": 1.5}


def do(what, inputs, self=None):
    """What a backend's stage may do."""
    word, _, rest = what.partition(" ")
    return ACTIONS.get(word, echo)(inputs, rest, self)


def echo(inputs, rest, self):
    return dict(inputs)


def add(inputs, rest, self):
    return {name: value + np.asarray(1, value.dtype) for name, value in inputs.items()}


def die(inputs, rest, self):
    print("last words", flush=True)
    os.kill(os.getpid(), getattr(signal, rest))
    time.sleep(3600)


def touch(inputs, rest, self):
    """Tell the test that we are here (it cannot see inside), then wait for ever."""
    Path(rest).write_text(str(os.getpid()))
    time.sleep(3600)


def spin(inputs, rest, self):
    if rest:
        Path(rest).write_text(str(os.getpid()))
    while True:
        pass


def grip(inputs, rest, self):
    """Hold the interpreter lock for ever, as native code can."""
    Path(rest).write_text(str(os.getpid()))
    sum(itertools.repeat(0))


def noise(inputs, rest, self):
    os.write(1, b" # LIBNATIVE: from C\n")
    sys.stderr.write("from stderr\n")
    for _ in range(int(rest or 0)):
        os.write(1, b"x" * 1023 + b"\n")
    return dict(inputs)


def fail(inputs, rest, self):
    kinds = {"value": ValueError("bad value"), "odd": Odd("an odd one", 2), "oddzif": OddZif("odd zif", 2)}
    obstacle = zif.Obstacle("Conv_1", "Conv", "wild", "dtype", "no float64")
    kinds |= {"unsupported": zif.Unsupported("cannot", (obstacle,)), "exit": SystemExit(7)}
    raise kinds[rest]


def once(inputs, rest, self):
    """Die the first time; a file remembers."""
    if not Path(rest).exists():
        Path(rest).touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return dict(inputs)


def unless(inputs, rest, self):
    if Path(rest).exists():
        raise ValueError("there is a mark")


def unpicklable(inputs, rest, self):
    return {"x": lambda: None}


def keep(inputs, rest, self):
    """Return the array of the run before: a library that hands out views into its own buffers."""
    before, self.kept = self.kept, dict(inputs)
    return before or dict(inputs)


def where(inputs, rest, self):
    return {"cwd": os.getcwd(), "path": list(sys.path), "env": dict(os.environ), "argv": sys.argv, "pid": os.getpid()}


def overflow(inputs, rest, self):
    def down(n):
        return down(n + 1)

    return down(0)


def leave(inputs, rest, self):
    os._exit(int(rest))


def sleep(inputs, rest, self):
    time.sleep(float(rest))
    return dict(inputs)


_ALL = (echo, add, die, touch, spin, grip, noise, fail, once, unpicklable, keep, where, overflow, leave, sleep, unless)
ACTIONS = {function.__name__: function for function in _ALL}
