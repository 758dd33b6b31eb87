"""What agents run to report themselves, and how it gets into their settings."""
