"""Two plans side by side: what moved, and which change of input moved it.

What may come in: comparing plans that exist. Making other plans to compare with is `whatif/`.
"""
