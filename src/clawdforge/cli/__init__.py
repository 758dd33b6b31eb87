"""The `clawdforge` command: for people, and for their scripts.

One module a command. They talk to a server through `clawdforge.client` only; `serve`, `doctor`
and `demo`, which are about this machine, also use the rooms below. What is slow to import is
imported inside the functions that need it, so that `--help` and completion are quick.
Answers go to stdout, everything about them (progress, notes, errors) to stderr.
"""
