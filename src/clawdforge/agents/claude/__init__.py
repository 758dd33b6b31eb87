"""The agent `claude`: Claude Code's command line, driven over stream-json."""
