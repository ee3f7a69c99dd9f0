"""What people read on a terminal: a page for each kind of result, and the terminal itself.

What may come in: showing a result that exists. Making one is a command's.
"""
