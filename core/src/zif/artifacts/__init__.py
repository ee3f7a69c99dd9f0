"""What was built, kept: an artifact's files with their hashes, the cache that finds it again, the bundle that ships it.

What may come in: how an artifact is described, keyed, hashed, sealed, stored and opened again. Building one, choosing
one for a machine and running it are `zif.runtime`'s.
"""
