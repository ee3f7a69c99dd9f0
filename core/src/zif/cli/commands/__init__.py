"""One file per command; see `zif.cli.app` for how they are found."""
