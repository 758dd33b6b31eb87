"""The HTTP door: who may come in, bytes to values and back, one error shape.

Decides nothing about runs, files or apps: that is the gateway's.
"""
