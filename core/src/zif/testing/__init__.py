"""The conformance kit: proves that a backend does what it says. Needs the extra `zif[testing]`.

From a shell: `zif check BACKEND`. In a suite of your own, one line: `pytest_plugins = ["zif.testing.plugin"]`.
"""
