"""The conformance kit: proves that a backend does what it says. Needs the extra `zif[testing]`.

What may come in: whatever an author of a backend needs to prove it, and nothing that running a model needs.

From a shell: `zif check BACKEND`. In a suite of your own, one line: `pytest_plugins = ["zif.testing.plugin"]`.
"""
