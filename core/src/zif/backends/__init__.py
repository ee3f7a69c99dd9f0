"""Who is installed, and each behind typed methods: discovery by metadata, a relay of its own, options, isolation.

What may come in: everything that finds, asks, watches or isolates a backend. What a backend *takes* is `zif.verdicts`.
"""
