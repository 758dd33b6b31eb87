"""The crash table's helpers. Read `rows.py` first: what is killed where, and what is to be then.

`ways.py` says how a session comes to that place, `places.py` and `witness.py` where in the server
and in the agent the places are, `trap.py` how the killing is done, `checks.py` what must hold
afterwards. `stage.py` is a data folder with the servers on it, one after the other.
"""
