"""Exports for Qualcomm's own tools: folders with pieces, inputs, expected outputs and commands."""
