"""What clawdforge publishes for testing: its own tests use it, and so may yours."""
