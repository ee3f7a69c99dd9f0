"""The commands `zif quantize` and `zif encodings`."""
