"""The agent `demo`: ships with clawdforge, needs no account, and does as it is told."""
