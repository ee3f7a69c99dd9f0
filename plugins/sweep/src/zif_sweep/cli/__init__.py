"""The command line of sweeps: parse, call one function, show."""
