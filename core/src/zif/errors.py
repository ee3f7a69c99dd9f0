"""One error class per thing that the reader should do next, all under `ZifError`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ZifError(Exception):
    """Whatever zif raises on purpose.

    `exit_code` is what the command line answers with: 1 the model or the backend cannot, 2 wrong input, 3 something
    broke that should not have. `step` is what the reader can do next, said behind a message that names nothing to do.
    """

    exit_code = 1
    step = ""


class Unused(UserWarning):
    """Something that the user wrote was read and is not used: a warning, no error. Says where, and what is known."""


class UsageError(ZifError):
    """Wrong option, pin, shape or path: change the call. The message lists what is known."""

    exit_code = 2
    step = "the command's --help says what it takes"


class InvalidInput(ZifError):
    """An array handed to `run` is missing, unknown, or of the wrong dtype or shape: fix the input. Names the tensor."""

    exit_code = 2
    step = "mend the file or the array, or hand over another one"


class InvalidModel(ZifError):
    """The file is not a model that can be read: fix the file. Says where."""

    exit_code = 2
    step = "export or copy the model again; zif cannot mend it"


class InvalidBundle(ZifError):
    """The folder is not a whole, unchanged bundle: build or copy it again. Says which file."""

    exit_code = 2
    step = "compile the model again, or copy the bundle again"


class NotWritten(ZifError):
    """What was made could not be written whole: free space, or name another place. Nothing half-written is left."""

    step = "free space, or name another place"


class BackendNotFound(ZifError):
    """No installed distribution offers a backend of this name: install it, or use one of those that are listed."""

    exit_code = 2
    step = "`zif backends` lists who is installed"


class BackendBroken(ZifError):
    """The plugin itself is at fault: tell its author. Names distribution and version."""

    exit_code = 3
    step = "tell the plugin's author; --exclude leaves the backend out"


class BackendUnavailable(ZifError):
    """The backend is installed but this machine cannot run it: fix the machine. The message is the backend's hint."""

    step = "`zif doctor` says what mends it, --exclude leaves the backend out"


class BackendCrashed(ZifError):
    """The worker process of a backend died or stopped answering. The host process is unharmed.

    `log` holds the last lines that the backend wrote before.
    """

    exit_code = 3
    step = "--exclude leaves the backend out; its author wants to see what --debug shows"

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log

    def __reduce__(self) -> tuple[type[BackendCrashed], tuple[str, str]]:
        return type(self), (str(self), self.log)


class Obstacle(NamedTuple):
    """Why one unit cannot run on one backend: the row of an `Unsupported` error."""

    unit: str
    op_type: str
    backend: str
    code: str
    reason: str


class Unsupported(ZifError):
    """No backend (or not the only one allowed) takes some unit: change the model or the backends.

    `obstacles` has one coded reason per unit and backend.
    """

    step = "`zif plan` shows who takes what; another --target, --shape or backend may do"

    def __init__(self, message: str, obstacles: Sequence[Obstacle] = ()) -> None:
        super().__init__(message)
        self.obstacles = tuple(obstacles)

    def __reduce__(self) -> tuple[type[Unsupported], tuple[str, tuple[Obstacle, ...]]]:
        return type(self), (str(self), self.obstacles)


class WrongResult(ZifError):
    """The outputs of a run are further from a judge's than the precision costs: build with `verify="units"`.

    Names the output and its figures.
    """

    step = "`zif verify` shows which segment is wrong; --exclude leaves its backend out"


class StageFailed(ZifError):
    """A backend's stage raised: the cause is chained. Names the stage, the backend and the segment."""

    exit_code = 3
    step = "--exclude leaves the backend out; --debug shows the cause, for its author"


class DeadlineExceeded(ZifError):
    """A run was not over in the time that its caller gave it. What its backend has begun, it may still end."""

    step = "a longer deadline, or a plan that is quicker: `zif profile` shows where the time goes"


class QueueFull(ZifError):
    """More runs are asked for than the session's queue holds: wait for one of them."""

    step = "wait for a run that was asked for before, or give the queue more places"


class NoRoom(ZifError):
    """A host has no memory for a session beside those that it holds. Names both, and their sizes."""

    step = "rest or close a session that holds memory, give the host more, or load it with give_way=True"


class OutOfMemory(StageFailed):
    """A backend ran out of memory in a stage: a smaller shape, another backend or a larger machine may do."""

    exit_code = 1
    step = "a smaller --shape, another backend or a larger machine may do"


class EngineRefused(StageFailed):
    """An engine refuses a segment that its backend took, or values in it: change the model, or leave the backend out.

    Nothing broke: engines ask more of models than ONNX's rules do, and say so only when they are handed one.
    """

    exit_code = 1
    step = "--exclude leaves the backend out; --debug shows what the engine said"


class ValuesRefused(StageFailed):
    """A backend cannot compute what other segments made of the input.

    The input, the model (that of a bundle is a stranger's) or the backend before may be to blame: nothing broke.
    """

    exit_code = 1
    step = "other inputs may do; `zif compare` shows the values where segments meet"
