"""Where the monitor looks by itself: processes, tmux, git, and Claude Code's own files."""
