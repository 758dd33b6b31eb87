"""The only room that starts child processes, and the one that sees to it that they end.

What every child gets: a session and process group of its own, an environment that was
chosen for it, resource limits, pipes that are always pumped into bounded buffers, and a stop
ladder that nothing can skip. Where the system allows it, also a PID namespace of its own, which
dies with the server even on `kill -9` and takes every descendant with it.
"""
