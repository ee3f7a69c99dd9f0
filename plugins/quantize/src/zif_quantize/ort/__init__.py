"""onnxruntime's quantizer, driven: everything that knows its classes and options stands here."""
