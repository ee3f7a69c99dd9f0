"""What may be imported into this process: what a trial of it came to, kept by the content of its distribution.

What may come in: where modules lie, what an interpreter of its own did with one, and the small files that keep it.
"""
