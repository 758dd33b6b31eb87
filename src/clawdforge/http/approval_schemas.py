"""The JSON of approvals: a permission's, and what only a session in a terminal has."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from clawdforge.http.session_schemas import AnswerBody, PermissionRow


class ApprovalRow(PermissionRow):
    """What a session asks that was started by hand."""

    turn: int | None  # type: ignore[assignment]
    agent: str
    agent_session_id: str
    cwd: str | None
    pid: int | None
    tmux_pane: str | None
    permission_mode: str | None
    subagent: str | None
    subagent_type: str | None
    text: Annotated[str, Field(description="Tool and input in a line.")]
    cut: Annotated[bool, Field(description="`args` is not all of what would be done.")]
    suggestions: list[dict[str, Any]]
    always: Annotated[
        list[str], Field(description="What `scope: always` would mean; empty: not offered.")
    ]
    modes: Annotated[list[str], Field(description="What the session may be switched to.")]
    reason: Annotated[
        Literal["terminal", "hidden", "ended", "timeout", "driven", "lost", "full"] | None,
        Field(description="Why nobody can answer any more: `terminal`, it was answered there."),
    ]


class ApprovalRows(BaseModel):
    """Some of what sessions ask, newest first."""

    permissions: list[ApprovalRow]
    count: int


class ApprovalAnswerBody(AnswerBody):
    """The answer to what a session asks that was started by hand."""

    # A key that is not understood may be the one that matters.
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"decision": "allow"}]}
    )

    scope: Annotated[
        Literal["once", "always"],
        Field(description="`always`: also what the row's `always` says."),
    ] = "once"
    args: Annotated[
        dict[str, Any] | None,
        Field(description="To a question: its whole input, with `answers` in it."),
    ] = None
    answers: Annotated[
        dict[str, Any] | None,
        Field(description="To a question: by its text, what is chosen or said."),
    ] = None
    mode: Annotated[
        Literal["default", "acceptEdits", "plan"] | None,
        Field(description="With a yes: what the session is switched to; one of its `modes`."),
    ] = None
    interrupt: Annotated[bool, Field(description="With a no: the turn ends.")] = False
