"""Models rewritten before they are quantized, so that what is quantized is equal and quantizes well."""
