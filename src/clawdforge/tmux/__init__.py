"""tmux as agents live in it: its servers, their panes, and what can be done with them."""
