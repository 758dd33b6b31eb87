"""The terminal dashboard, `clawdforge top`.

What is shown is made by pure functions over values: `tree` (which rows there are), `rows` (what
stands in them), `details`, `story` (the transcript), `keys` (what a key means), `filters`. They
know no Textual. `board` holds the state, `app` and the widgets draw it, `feeds` bring news,
`providers` do what a person wants done. `python -X importtime` of other commands shows no Textual.
"""
