"""Agents: the port (`driver.py`), which of them there are (`catalog.py`), a folder each."""
