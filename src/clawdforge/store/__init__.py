"""The ledger: what was done, by whom and what it cost, durable before anyone is told.

`ledger.py` is the port; SQLAlchemy and Alembic do not leave this room.
"""
