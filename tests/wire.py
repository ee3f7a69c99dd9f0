"""An S3 server of moto's behind a wire that can be cut."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Wire:
    """A forwarder of TCP that can be cut: after so many bytes in one direction, or altogether."""

    def __init__(self, port: int) -> None:
        self._to, self.down, self.left, self.way = port, False, -1, ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, way: str, after: int) -> None:
        """Cut connections once so many bytes went "up" or "down" on them together, and let none through then."""
        self.way, self.left = way, after

    def mend(self) -> None:
        self.down, self.left, self.way = False, -1, ""

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self.down:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            for one, other, way in ((near, far, "up"), (far, near, "down")):
                threading.Thread(target=self._pass, args=(one, other, way), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, way: str) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 14):
                if way == self.way and not self.down:
                    self.left -= len(data)
                    self.down = self.left < 0
                if self.down:
                    break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def served(bucket: str) -> Iterator[Wire]:
    """A server with a bucket, which the environment names for everybody who looks for S3."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    made = Wire(server.get_host_and_port()[1])
    names = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{made.port}", "AWS_DEFAULT_REGION": "us-east-1"}
    names |= {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    boto3.client("s3").create_bucket(Bucket=bucket)
    try:
        yield made
    finally:
        server.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
