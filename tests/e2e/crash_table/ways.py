"""The ways to the places, by the names that the table uses; those of turns, and all others."""

from crash_table import ways_of_sessions, ways_of_turns
from crash_table.way import WAYS, Way

__all__ = ["WAYS", "Way", "ways_of_sessions", "ways_of_turns"]
