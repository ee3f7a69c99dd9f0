"""What a backend takes: declared, probed, observed, verified; settled in one place.

What may come in: tables of claims, what was learned of backends, the facts of a unit that both speak of, and how they
become one verdict. Who is asked stands in `zif.backends`; what is made of verdicts, in `zif.planning`.
"""
