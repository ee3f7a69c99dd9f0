"""Scale and zero point of tensors: read from QDQ models and from files, written in compilers' and AIMET's formats.

What may come in: the record of an encoding, its file formats, and where a graph gives one. What chooses or applies
encodings is a quantizer's business.
"""
