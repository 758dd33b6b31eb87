"""The monitors of other machines, over plain ssh."""
