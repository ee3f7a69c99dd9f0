"""Watching what the HTP library does with known tests: the source of the table that the plugin ships."""
