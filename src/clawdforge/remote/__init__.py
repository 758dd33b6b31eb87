"""Other machines over plain `ssh`: their monitors' sockets, forwarded; commands that run there."""
