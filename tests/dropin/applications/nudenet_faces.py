"""What nudenet's own detector finds in a picture."""

import sys

from nudenet import NudeDetector

for found in NudeDetector().detect(sys.argv[1]):
    print(found["class"], round(found["score"], 1), found["box"])
