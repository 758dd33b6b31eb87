"""Agents behind the command line `acpx`, for those who come from clawdforge 0.2."""
