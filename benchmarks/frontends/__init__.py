"""What comes in from each framework by zif, and what the exporters alone make of the same models."""
