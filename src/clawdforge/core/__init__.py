"""Pure values and rules: no I/O, no clock, no randomness.

The words used throughout clawdforge:

app      a program that holds a bearer token; owns what it creates
agent    a kind of coding agent by its configured name (`claude`, `demo`)
driver   the code that speaks one agent's language
turn     one prompt until its stop reason
run      a conversation of exactly one turn
event    an immutable fact about a conversation, as a driver reports it
ledger   the durable record: apps, runs, files, audit
line     where runs wait for a free agent, fair between apps
"""
