"""The use cases: apps and their tokens, files, the line for a free agent, runs.

Knows the ports of the agents and the ledger, not their implementations, and nothing of HTTP.
"""
