"""Qualcomm AI Hub: phones that Qualcomm hosts, through its own client, and what they measured, for plans."""
