"""Networks and recipes to compare quantizers with."""
