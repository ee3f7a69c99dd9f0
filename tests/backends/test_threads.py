"""Threads that come through the doors at the same moment, each for another name, get modules that are whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys, threading
import {door} as door
sys.setswitchinterval(1e-6)
names = [name for name in door.__all__ if name not in getattr(door, "TYPING", ())]
barrier, wrong = threading.Barrier(len(names)), []

def come(name):
    barrier.wait()
    try:
        getattr(door, name)
    except BaseException as error:
        wrong.append(f"{{name}}: {{type(error).__name__}}: {{error}}")

threads = [threading.Thread(target=come, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
"""


@pytest.mark.parametrize("door", ["zif.plugin", "zif"])
def test_names_may_be_asked_for_at_once(door: str) -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", CODE.format(door=door)], capture_output=True, text=True)
        assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
