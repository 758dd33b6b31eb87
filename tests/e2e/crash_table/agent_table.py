"""The agent is killed: way, place, and what the server makes of it. See `rows.py`."""

from collections.abc import Mapping

AGENT: Mapping[str, Mapping[str, str]] = {
    "the first turn": {
        "agent starts": "failed",
        "agent gets initialize": "failed",
        "agent gets session/new": "failed",
        "agent answered session/new": "failed",
        "agent gets session/prompt": "failed",
    },
    "a turn": {
        "agent gets session/prompt": "failed",
        "agent wrote agent_message_chunk #3": "failed",
        "agent is in the middle of a line #3": "failed",
        "agent wrote agent_message_chunk #12": "failed",
        "agent has kept the conversation": "failed",
        "agent answered session/prompt": "done",
        "agent wrote agent_message_chunk #3; its launcher": "failed",
        "agent wrote agent_message_chunk #3; its init": "failed",
        "agent wrote agent_message_chunk #3; its group": "failed",
        "agent answered session/prompt; its launcher": "done",
        "agent answered session/prompt; its init": "done",
    },
    "a turn that wakes the agent": {
        "agent starts": "failed",
        "agent gets session/resume": "failed",
        "agent answered session/resume": "failed",
    },
    "a turn with a tool": {
        "agent wrote tool_call": "failed",
        "agent wrote tool_call_update": "failed",
    },
    "a turn after a first one that the agent did not keep": {
        "agent answered session/resume": "done or failed",
        "agent gets session/new": "failed",
        "agent answered session/new": "failed",
    },
    "two turns, one waits": {
        "agent wrote agent_message_chunk #3": "failed, done",
    },
    "the agent says something unasked": {
        "agent wrote agent_message_chunk #2": "done, failed",
    },
    "an unanswered question": {
        "agent asked": "failed, withdrawn",
    },
    "a question": {
        "agent gets an answer": "failed, allowed",
    },
    "a cancelled turn": {
        "agent gets session/cancel": "cancelled",
        "agent answered session/prompt": "cancelled",
    },
    "a turn with a long tool": {
        "agent has started a child": "failed",
    },
    "a cancelled tool": {
        "agent gets session/cancel": "cancelled",
    },
    "a new setting": {
        "agent gets session/set_config_option": "new",
    },
    "a close": {
        "agent sees the end of its input": "closed",
    },
    "a close in the middle of a turn": {
        "agent gets session/cancel": "cancelled, closed",
    },
    "the first turn of a copy": {
        "agent gets session/fork": "failed",
        "agent answered session/fork": "failed",
    },
    "hibernating": {
        "agent sees the end of its input": "done",
    },
}
