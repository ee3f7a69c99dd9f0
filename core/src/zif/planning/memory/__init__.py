"""How much memory a plan holds at its peak, and plans that hold less.

What may come in: footprints, and choices made to keep them small.
"""
