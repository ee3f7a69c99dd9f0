"""The campaign against hostile input: valid files, damaged by what they are made of, through every command.

`make fuzz` runs it, `make fuzz SEED=… CASE=…` one case of it again. A case follows from its seed and number alone.
"""
