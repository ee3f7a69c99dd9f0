"""The lines of text on a picture, as rapidocr reads them."""

import sys

from rapidocr import RapidOCR

print(RapidOCR()(sys.argv[1]).txts)
