"""Makes the tables that the plugins ship: what an engine takes, and what it was seen to get wrong.

`python -m tools.tables.qnn_cpu`, `.qnn_gpu`, `.qnn_htp` and `.reference`.
"""
