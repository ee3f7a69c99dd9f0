"""AI Hub's HTTP interface as far as its client asks it for one job, and the command line before it.

Run as `python hub_stand_in.py CLIENT FOLDER WORDS...`: CLIENT is where qai-hub is installed, FOLDER where the script
writes what was asked (asked.json) and its configuration. It knows no more of AI Hub than the client's own messages.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.append(sys.argv[1])
FOLDER = Path(sys.argv[2])
MODE = os.environ.get("STAND_IN", "works")
ASKED: list[dict[str, Any]] = []
#: What was uploaded.
MODEL: list[bytes] = []
INPUTS: list[bytes] = []
TOKEN = "secret-token"


def answered(method: str, path: str, body: bytes) -> Any:
    """The message for a request; None for what is not known."""
    from qai_hub import public_api_pb2 as api

    url = f"http://127.0.0.1:{PORT}"
    route = path.partition("?")[0].removeprefix("/api/v1/").strip("/").split("/")
    if route == ["devices"]:
        wanted = "Samsung" in path
        device = api.Device(name="Samsung Galaxy S24", os="14", attributes=["framework:onnx", "chipset:sm8650"])
        return api.DeviceList(devices=[device] if wanted else [], total_query_count=int(wanted))
    if method == "POST" and route == ["models"]:
        return api.CreateUpdateResponse(id="m1")
    if route == ["models", "m1", "multipart_upload"]:
        if method == "POST":
            return api.CreateUpdateResponse(id="m1")
        parts = api.FileMultipartUploadURL(urls=[f"{url}/upload/m1"], upload_id="u1", max_part_size=1 << 30)
        return api.FileUploadResponse(multipart_url=parts)
    if route[0] == "datasets":
        if route[2:] == ["upload_url"]:
            return api.FileUploadResponse(url=api.FileUploadURL(url=f"{url}/upload/d1", file_field_name="file"))
        if route[2:] == ["download_data"]:
            return api.FileDownloadResponse(url=api.FileDownloadURL(url=f"{url}/outputs.h5", filename="outputs.h5"))
        if method == "GET":
            return api.Dataset(dataset_id=route[1], name="outputs")
        return api.CreateUpdateResponse(id="d1")
    if method == "POST" and route == ["jobs"]:
        job = api.Job.FromString(body).inference_job
        ASKED.append({"job": {"model": job.model.model_id, "device": job.device.name, "profile": job.is_profiling_on}})
        ASKED[-1]["job"]["options"] = job.options
        return api.CreateUpdateResponse(id="j1")
    if route == ["jobs", "j1"]:
        state = api.JobState.Value("JOB_STATE_FAILED" if MODE == "fails" else "JOB_STATE_DONE")
        return api.Job(inference_job=api.InferenceJob(inference_job_id="j1", job_state=state, failure_reason="too big"))
    if route == ["jobs", "j1", "result"]:
        npu, cpu = api.ComputeUnit.Value("COMPUTE_UNIT_NPU"), api.ComputeUnit.Value("COMPUTE_UNIT_CPU")
        rows = (("/body/conv", npu, 700), ("/body/relu", npu, 200), ("pool", cpu, 100))
        layers = [api.LayerDetail(name=name, compute_unit=unit, execution_time=us) for name, unit, us in rows]
        detail = api.ProfileDetail(execution_time=1000, layer_details=layers, major_version=1, minor_version=2)
        made = api.InferenceJobResult(inference_job_id="j1", detail=detail, output_dataset_id="d2" if INPUTS else "")
        return api.JobResult(inference_job_result=made)
    return None


def outputs() -> bytes:
    """What a device would give: the uploaded model on the uploaded inputs, in ONNX Runtime, as an HDF5 file."""
    import h5py
    import onnxruntime
    from qai_hub.util.dataset_entries_converters import dataset_entries_to_h5, h5_to_dataset_entries

    body = INPUTS[0]
    start = body.index(b"\x89HDF\r\n")
    (FOLDER / "inputs.h5").write_bytes(body[start:])
    with h5py.File(FOLDER / "inputs.h5") as file:
        given = h5_to_dataset_entries(file)
    session = onnxruntime.InferenceSession(MODEL[0], providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    sets = [session.run(names, dict(zip(given, values, strict=True))) for values in zip(*given.values(), strict=True)]
    factor = 2 if MODE == "wrong" else 1
    entries = {name: [values[place] * factor for values in sets] for place, name in enumerate(names)}
    with h5py.File(FOLDER / "outputs.h5", "w") as file:
        dataset_entries_to_h5(entries, file)
    return (FOLDER / "outputs.h5").read_bytes()


class Handler(BaseHTTPRequestHandler):
    """Answers in protobuf; notes method, path, size and whether the token came along."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        own = self.headers.get("Authorization", "") == f"token {TOKEN}"
        ASKED.append({"method": self.command, "path": self.path, "bytes": len(body), "token": own})
        if self.path.startswith("/upload/"):
            (MODEL if self.path.endswith("m1") else INPUTS).append(body)
            self._send(200, b"", {"ETag": '"1"'})
            return
        if self.path == "/outputs.h5":
            self._send(200, outputs(), {"Content-Type": "application/octet-stream"})
            return
        if MODE == "refuses":
            self._send(401, b"no such token", {})
            return
        found = answered(self.command, self.path, body)
        if found is None:
            self._send(404, f"unknown: {self.command} {self.path}".encode(), {})
        else:
            self._send(200, found.SerializeToString(), {"Content-Type": "application/x-protobuf"})

    do_GET = do_POST = do_PUT = do_PATCH = _any

    def _send(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, text in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what was asked is written to a file."""


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
PORT = SERVER.server_address[1]


def main() -> int:
    """Serve, and run the command line."""
    url = f"http://127.0.0.1:{PORT}"
    config = f"[api]\napi_token = {TOKEN}\napi_url = {url}\nweb_url = {url}\nverbose = True\n"
    (FOLDER / "client.ini").write_text(config)
    os.environ["QAIHUB_CLIENT_INI"] = str(FOLDER / "client.ini")
    threading.Thread(target=SERVER.serve_forever, daemon=True).start()
    from zif.cli import run

    code = run(sys.argv[3:])
    (FOLDER / "asked.json").write_text(json.dumps(ASKED))
    return code


if __name__ == "__main__":
    sys.exit(main())
