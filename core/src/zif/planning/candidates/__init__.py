"""Who takes part in a plan: each backend's answer, what it is assumed to take, and the limits a caller sets.

What may come in: whatever decides who may take which unit before costs are weighed.
"""
