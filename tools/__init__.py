"""What maintainers run by hand, from the top of a checkout: `python -m tools.NAME`. In no wheel."""
