"""The server is killed: way, place, and what the next server finds. See `rows.py`."""

from collections.abc import Mapping

SERVER: Mapping[str, Mapping[str, str]] = {
    "the first turn": {
        "before COMMIT of claim": "never began",
        "after COMMIT of claim": "never began",
        "before StartAgent": "never began",
        "before COMMIT of turn_started": "never began",
        "after COMMIT of turn_started": "interrupted",
        "after start of a process": "never began or interrupted",
        "before COMMIT of agent_started": "interrupted",
        "after COMMIT of agent_started": "interrupted",
        "before COMMIT of text": "interrupted",
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "done",
    },
    "a turn": {
        "before COMMIT of turn_started": "never began",
        "after COMMIT of turn_started": "interrupted",
        "before publish of turn_started": "interrupted",
        "before Send": "interrupted",
        "after Send": "interrupted",
        "before input Text #3": "interrupted",
        "before COMMIT of text #3": "interrupted",
        # On a slow machine the end of the turn is in the same transaction.
        "after COMMIT of text #3": "interrupted or done",
        "after publish of text #3": "interrupted or done",
        "before input TurnEnded": "interrupted",
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "done",
        "after publish of turn_ended": "done",
        "before Reply": "done",
        "after Reply": "done",
    },
    "a turn that wakes the agent": {
        "before COMMIT of turn_started": "never began",
        "after COMMIT of turn_started": "interrupted",
        "before COMMIT of agent_started": "interrupted",
        "after COMMIT of agent_started": "interrupted",
        "after COMMIT of turn_ended": "done",
    },
    "a turn with a tool": {
        "before COMMIT of tool_call": "interrupted",
        "after COMMIT of tool_call": "interrupted or done",
    },
    "a turn with a long tool": {
        "before COMMIT of permission_resolved": "interrupted",
        "after COMMIT of tool_call": "interrupted",
        "after publish of tool_call #2": "interrupted",
    },
    "a turn with a file": {
        "after copying the files": "never began",
        "after COMMIT of turn_started": "interrupted",
    },
    "a turn that fails": {
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "failed",
    },
    "a turn in which the agent crashes": {
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "failed",
        "before StopAgent": "interrupted or failed",
    },
    "a turn that takes too long": {
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "timeout",
    },
    "a turn after a first one that the agent did not keep": {
        "before COMMIT of note": "interrupted",
        "after COMMIT of note": "interrupted",
        "before StartAgent #2": "interrupted",
        "before Send #2": "interrupted",
        "before COMMIT of agent_started": "interrupted",
        "after COMMIT of agent_started": "interrupted",
        "after COMMIT of turn_ended": "done",
    },
    "two turns, one waits": {
        "after COMMIT of text #3": "interrupted, never began",
        "after COMMIT of turn_ended": "done, never began",
        "before COMMIT of turn_started #2": "done, never began",
        "after COMMIT of turn_started #2": "done, interrupted",
    },
    "the agent says something unasked": {
        "before COMMIT of turn_started #2": "done, never began",
        "after COMMIT of turn_started #2": "done, interrupted",
    },
    "a question": {
        "before COMMIT of permission_request": "interrupted, unknown",
        "after COMMIT of permission_request": "interrupted, withdrawn",
        "before COMMIT of permission_resolved": "interrupted, withdrawn",
        "after COMMIT of permission_resolved": "interrupted, allowed",
        "before TellAnswer": "interrupted, allowed",
        "after TellAnswer": "interrupted, allowed",
        "before Settled": "interrupted, allowed",
        "after COMMIT of turn_ended": "done, allowed",
    },
    "an unanswered question": {
        "after publish of permission_request": "interrupted, withdrawn",
    },
    "a question, denied": {
        "before COMMIT of permission_resolved": "interrupted, withdrawn",
        "after COMMIT of permission_resolved": "interrupted, denied",
    },
    "a question, answered for always": {
        "before COMMIT of permission_resolved": "interrupted, withdrawn",
        "after COMMIT of permission_resolved": "interrupted, allowed",
        "after Settled": "interrupted, allowed",
    },
    "a cancelled turn": {
        "before TellCancel": "interrupted",
        "after TellCancel": "interrupted",
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "cancelled",
    },
    "a cancelled tool": {
        "before TellCancel": "interrupted",
        "after COMMIT of turn_ended": "cancelled",
    },
    "a cancelled turn of a deaf agent": {
        "before StopAgent": "interrupted",
        "after end of a process": "interrupted or cancelled",
    },
    "a new setting": {
        "after telling a setting": "old",
        "before COMMIT of setting_changed #2": "old",
        "after COMMIT of setting_changed #2": "new",
    },
    "a close": {
        "before StopAgent": "open",
        "after end of a process": "open",
        "before COMMIT of session_closed": "open",
        "after COMMIT of session_closed": "closed",
        "after COMMIT of release": "closed",
    },
    "a close in the middle of a turn": {
        "before COMMIT of turn_ended": "interrupted, open",
        "after COMMIT of turn_ended": "cancelled, open",
        "after COMMIT of session_closed": "cancelled, closed",
    },
    "a reopening": {
        "after COMMIT of claim": "closed",
        "before COMMIT of session_reopened": "closed",
        "after COMMIT of session_reopened": "open",
        "after COMMIT of release": "open",
    },
    "a copy": {
        "after copying the folders": "none",
        "before COMMIT of create_session": "none",
        "after COMMIT of create_session": "there",
    },
    "the first turn of a copy": {
        "after COMMIT of turn_started": "interrupted",
        "after COMMIT of agent_started": "interrupted",
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "done",
    },
    "a new session": {
        "after making the folders": "none",
        "before COMMIT of create_session": "none",
        "after COMMIT of create_session": "there",
    },
    "hibernating": {
        "before StopAgent": "done",
        "before COMMIT of agent_stopped": "done",
        "after COMMIT of agent_stopped": "done",
        "after end of a process": "done",
        "before COMMIT of release": "done",
    },
    "a new session, warmed up": {
        "before StartAgent": "there",
        "after start of a process": "there",
        "before COMMIT of agent_started": "there",
        "after COMMIT of agent_started": "there",
    },
    "giving its place to another": {
        "before COMMIT of agent_stopped": "never began",
        "after end of a process": "never began",
    },
    "a stop in the middle of a turn": {
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "interrupted",
        "before giving up the lease": "interrupted",
    },
    "a start after a crash in a turn": {
        "before recovery": "interrupted",
        "before COMMIT of claim": "interrupted",
        "after COMMIT of claim": "interrupted",
        "before COMMIT of turn_ended": "interrupted",
        "after COMMIT of turn_ended": "interrupted",
    },
    "a start after a crash in a question": {
        "before COMMIT of permission_resolved": "interrupted, withdrawn",
        "after COMMIT of permission_resolved": "interrupted, withdrawn",
    },
    "a start that closes the session": {
        "before COMMIT of session_closed": "closed",
        "after COMMIT of session_closed": "closed",
    },
    "a start that deletes the session": {
        "before forgetting": "gone",
        "after start of a forgetting process": "gone",
        "after forgetting": "gone",
        "after removing the folders": "gone",
        "before COMMIT of delete_session": "gone",
        "after COMMIT of delete_session": "gone",
    },
}
