"""How right and how fast: models compared tensor by tensor, profiled, and scored on a task.

What may come in: measures and whatever needs both a session and a judge. Showing them is the command line's.
"""
