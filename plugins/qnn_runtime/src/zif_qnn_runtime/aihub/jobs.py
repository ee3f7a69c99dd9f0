"""A job on AI Hub through its own client, which has the user's token in its own configuration."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen
from zif import BackendUnavailable, UsageError

from zif_qnn_runtime.aihub.results import Measured, results_of

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array

INSTALL = "`pip install qai-hub` installs it"


@frozen
class Request:
    """What is sent: a model file, the name of a device, options in AI Hub's words, inputs by name (none to profile)."""

    path: Path
    device: str
    options: str = ""
    inputs: Mapping[str, Sequence[Array]] = Factory(dict)

    def told(self) -> dict[str, Any]:
        """What would be sent, and by whom; the token is not read."""
        return {
            "file": str(self.path),
            "bytes": self.path.stat().st_size,
            "device": self.device,
            "options": self.options,
            "inputs": {
                name: {"sets": len(values), "dtype": str(values[0].dtype), "shape": list(values[0].shape)}
                for name, values in self.inputs.items()
            },
            "client": version(),
        }


@frozen
class Done:
    """A job that came to an end. outputs: by name, an array for each set; none of a profile."""

    id: str
    url: str
    device: str
    measured: Measured | None
    outputs: Mapping[str, Sequence[Array]] = Factory(dict)


def version() -> str:
    """Of the installed client; "" without one."""
    try:
        return metadata.version("qai-hub")
    except metadata.PackageNotFoundError:
        return ""


def check_model(path: Path, model: Model) -> None:
    """Raise UsageError for a model that does not go to AI Hub in one file."""
    if any(tensor.external_data for tensor in model.proto.graph.initializer):
        raise UsageError(f"{path} has its weights in other files: save it with them in one file for AI Hub")


def run(request: Request, profile: bool) -> Done:
    """Submit, wait and fetch. Raises BackendUnavailable without the client, its token or the device, with its words."""
    hub = _client()
    with _telling(request.device):
        job = hub.submit_inference_job(
            model=str(request.path),
            device=hub.Device(request.device),
            inputs={name: list(values) for name, values in request.inputs.items()} or None,
            options=request.options,
            profile=profile,
        )
        if isinstance(job, list):
            job = job[0]
        status = job.wait()
        if not status.success:
            raise BackendUnavailable(
                f"AI Hub's job {job.job_id} failed: {status.message or status.code}. `{job.url}` has its log"
            )
        measured = results_of(job.download_profile(), f"AI Hub's job {job.job_id}") if profile else None
        outputs = (job.download_output_data() or {}) if request.inputs else {}
        return Done(str(job.job_id), str(job.url), request.device, measured, outputs)


def _client() -> Any:
    try:
        import qai_hub  # type: ignore[import-not-found]  # an extra
    except ImportError as error:
        raise BackendUnavailable(f"AI Hub's client is not installed ({error}): {INSTALL}") from error
    return qai_hub


@contextlib.contextmanager
def _telling(device: str) -> Iterator[None]:
    """What the client raises, as one error with its words; what it prints is not for stdout."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except BackendUnavailable:
        raise
    except Exception as error:  # the client's own classes, those of requests, and what its configuration lacks
        said = " ".join(re.sub("[─-╿|]", " ", str(error)).split()).rstrip(".")
        raise BackendUnavailable(
            f"AI Hub did not take the job for {device}: {said}. `qai-hub configure --api_token TOKEN` sets the token, "
            "`qai-hub list-devices` lists devices"
        ) from error
