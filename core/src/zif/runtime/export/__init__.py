"""Ways out: a plan in the form that another runtime takes, written by exporters that distributions bring.

What may come in: what an exporter is (`contract`), finding one, writing what it gives. No format of a vendor's.
"""
