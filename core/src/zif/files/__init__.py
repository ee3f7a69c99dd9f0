"""The one door for files that others made: their names, sizes, text, documents, arrays and pictures, held to limits.

What may come in: how a foreign file is named, opened, decoded and checked by type, and how a file is written whole.
What the values mean to a model, a plan or a bundle is not known here. `tests/house` holds that nothing else opens one.
"""
