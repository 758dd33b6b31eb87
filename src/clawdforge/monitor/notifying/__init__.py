"""Tells people that a session needs them, or has finished: bell, desktop, ntfy, webhooks."""
