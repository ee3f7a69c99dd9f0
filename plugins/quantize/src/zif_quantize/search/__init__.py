"""Mixed precision: groups of units, what each costs and loses, and the mix that reaches a goal."""
