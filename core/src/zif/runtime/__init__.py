"""From a plan to what runs: artifacts, the cache, bundles, sessions, and the verbs that do it all in one call.

What may come in: whatever turns plans into artifacts and artifacts into outputs. Nothing here decides a placement.
"""
