"""`python -m zif` is the command line."""

from zif.cli import main

main()
