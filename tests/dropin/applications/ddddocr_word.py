"""The word on a picture by both readers, and where characters stand, as ddddocr finds them."""

import sys
from pathlib import Path

import ddddocr

picture = Path(sys.argv[1]).read_bytes()
for old in (True, False):
    print(ddddocr.DdddOcr(show_ad=False, old=old).classification(picture))
print(len(ddddocr.DdddOcr(show_ad=False, det=True).detection(picture)))
