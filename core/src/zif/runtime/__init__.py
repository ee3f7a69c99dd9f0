"""From a plan to what runs: builds, sessions, checks of their numbers, and the verbs that do it all in one call.

What may come in: whatever turns plans into artifacts and artifacts into outputs. Nothing here decides a placement, and
what is built is kept by `zif.artifacts`.
"""
