"""The conformance tests themselves. Run them with `zif check BACKEND`."""
