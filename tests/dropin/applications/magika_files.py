"""Kinds of files, as magika tells them."""

import sys
from pathlib import Path

from magika import Magika

teller = Magika()
for path in sorted(map(Path, sys.argv[1:])):
    print(path.name, teller.identify_path(path).output.label)
