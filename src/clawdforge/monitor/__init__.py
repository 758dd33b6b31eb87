"""The monitor: every agent session on this machine, those we drive and those we do not."""
