"""Environments beside the one that zif runs in, made and looked at: an interpreter each, with zif and plugins in it.

`zif.files.environments` reads which there are and what is in them; their plugins run in `zif.backends.isolation`.
"""
