"""The JSON of conversations that change hands."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from clawdforge.http.schemas import Strict, Text
from clawdforge.http.session_schemas import POLICY, SessionRow

MAX_PID = 2**31
MAX_START = 2**63 - 1


class AdoptBody(Strict):
    """Which conversation is to be taken over."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"conversation": "5b0e6c1e-7b8e-4d5a-9c55-0f6a3c1d2e4f"}]}
    )

    conversation: Annotated[
        Text, Field(min_length=1, max_length=64, description="The agent's own id of it.")
    ]
    fork: Annotated[bool, Field(description="Take a copy over: it may go on in its terminal.")] = (
        False
    )
    agent: Annotated[
        Text | None, Field(description="null: the first that can, which is `claude`.")
    ] = None
    app: Annotated[
        Text | None,
        Field(description="Whose session it becomes; for the admin only. null: `local`."),
    ] = None
    home: Annotated[
        Text | None,
        Field(
            max_length=4096,
            description="The agent's folder to look into first (`~/.claude`); for the admin only.",
        ),
    ] = None
    permissions: Annotated[Any, Field(description=POLICY)] = None
    meta: Annotated[dict[str, Any] | None, Field(description="Kept, and given back.")] = None


class AttachBody(Strict):
    """The process that is going to be the agent: on the server's machine, of the server's user."""

    pid: Annotated[int, Field(ge=1, lt=MAX_PID)]
    start: Annotated[
        int, Field(ge=0, le=MAX_START, description="When it began: field 22 of /proc/PID/stat.")
    ]


class LaunchRow(BaseModel):
    """What that process has to become. There may be secrets among the variables."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    without: Annotated[
        list[str], Field(description="Its own variables that it must drop before: patterns.")
    ]


class AttachedReply(BaseModel):
    """The session is that process's now."""

    ok: Literal[True]
    session: SessionRow
    conversation: Annotated[str, Field(description="The agent's own id of it.")]
    launch: LaunchRow
