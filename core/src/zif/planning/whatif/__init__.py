"""Plans under a changed hypothesis: what it would be worth if a backend took what it refuses.

What may come in: hypotheses, and solving again under them. What changed between two plans is `changes/`.
"""
