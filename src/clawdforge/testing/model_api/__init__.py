"""A scripted model API: agents run end to end, offline, with no account.

with ModelApi([CallTool("Read", {"file_path": "a.txt"}), Say("It says 42.")]) as api:
    run_agent(env=api.environment())
"""

from clawdforge.testing.model_api.api import ModelApi
from clawdforge.testing.model_api.request import Request, ToolResult
from clawdforge.testing.model_api.script import (
    Always,
    CallTool,
    CallTools,
    Drop,
    Fail,
    Say,
    ScriptError,
    Slow,
    Stall,
    Step,
    Tokens,
)

__all__ = [
    "Always",
    "CallTool",
    "CallTools",
    "Drop",
    "Fail",
    "ModelApi",
    "Request",
    "Say",
    "ScriptError",
    "Slow",
    "Stall",
    "Step",
    "Tokens",
    "ToolResult",
]
