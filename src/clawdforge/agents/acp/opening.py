"""How a conversation with an ACP agent is opened: what it can do, and what it is told. Pure."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clawdforge.agents.driver import McpServer, SessionSpec
from clawdforge.wire.acp import AUTH_REQUIRED, failure_text
from clawdforge.wire.acp_settings import SETTING_KEYS, Knob, SettingKey, knobs_of
from clawdforge.wire.jsonrpc import METHOD_NOT_FOUND, Answer, Failure

PROTOCOL_VERSION = 1
CLIENT = {"name": "clawdforge", "version": "1"}
CLAUDE = "claude"
"""The flavour of claude-agent-acp."""
CANNOT_RESUME = "cannot_resume"
CANNOT_SET = "cannot_set"
AUTH = "auth_required"
_FORGETFUL = {"gemini-cli"}
"""Offer to load a conversation, and lose it: 0.61.0 may empty the transcript that it is to load."""
_UNKNOWN = "the agent does not know this conversation any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What an agent says about itself when it is greeted."""

    version: str | None = None
    flavour: str | None = None
    loads: bool = False
    offers: Mapping[str, Any] = field(default_factory=dict)
    """Its session capabilities: `resume`, `fork`, `close`, `delete`, `systemPrompt` …"""
    mcp_http: bool = False

    @property
    def resumes(self) -> bool:
        """Whether it can go on with a conversation of an earlier process."""
        return self.loads or "resume" in self.offers

    def takes_system(self, mode: str) -> bool:
        """Whether it takes a system prompt: to append, or to replace its own."""
        offered = self.offers.get("systemPrompt")
        if not isinstance(offered, dict):
            return False
        modes = offered.get("mode")
        return mode == "append" or (isinstance(modes, dict) and "override" in modes)


def greeting() -> dict[str, Any]:
    """The parameters of `initialize`.

    Neither files nor terminals are offered: the agent then uses the disk and the shell itself,
    within its containment. Agents that were offered them broke on answers that were not theirs.
    """
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": {},
        "clientInfo": CLIENT,
    }


def agent_of(answer: Any, flavour: str | None = None) -> Agent:
    """Read the answer to `initialize`.

    Args:
        answer: The `result`.
        flavour: What the configuration says; None: as the agent introduces itself.
    """
    told = _dict(answer)
    can = _dict(told.get("agentCapabilities"))
    about = _dict(told.get("agentInfo"))
    version = about.get("version")
    is_claude = "claudeCode" in _dict(can.get("_meta"))
    return Agent(
        version=version if isinstance(version, str) else None,
        flavour=flavour or (CLAUDE if is_claude else None),
        loads=can.get("loadSession") is True and about.get("name") not in _FORGETFUL,
        offers=_dict(can.get("sessionCapabilities")),
        mcp_http=_dict(can.get("mcpCapabilities")).get("http") is True,
    )


def session_params(spec: SessionSpec, agent: Agent) -> dict[str, Any]:
    """The parameters of whatever opens a session, without its id.

    The same for a new conversation and for one that goes on: agents forget them.
    """
    params: dict[str, Any] = {
        "cwd": str(spec.cwd),
        "mcpServers": list(_servers(spec.mcp_servers, agent)),
    }
    if spec.system is not None and agent.takes_system(spec.system_mode):
        mode = "append" if spec.system_mode == "append" else "override"
        params["systemPrompt"] = {"mode": mode, "content": spec.system}
    if agent.flavour == CLAUDE:
        params["_meta"] = {"claudeCode": {"options": _claude_options()}}
    return params


def prompt_blocks(text: str, spec: SessionSpec, agent: Agent) -> list[dict[str, Any]]:
    """The content of a prompt; the first of a new conversation may carry the system prompt."""
    blocks = [{"type": "text", "text": text}]
    if spec.system is not None and not agent.takes_system(spec.system_mode):
        blocks.insert(0, {"type": "text", "text": spec.system})
    return blocks


def left_out(spec: SessionSpec, agent: Agent) -> list[str]:
    """The MCP servers that this agent cannot reach."""
    return [server.name for server in spec.mcp_servers if server.url and not agent.mcp_http]


def _servers(servers: tuple[McpServer, ...], agent: Agent) -> Iterator[dict[str, Any]]:
    for server in servers:
        if server.command is not None:
            yield {
                "name": server.name,
                "command": server.command,
                "args": list(server.args),
                "env": _pairs(server.env),
            }
        elif server.url is not None and agent.mcp_http:
            headers = _pairs(server.headers)
            yield {"type": "http", "name": server.name, "url": server.url, "headers": headers}


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _claude_options() -> dict[str, Any]:
    # Else the adapter makes two more model calls a turn, one that guesses the next prompt and one
    # for a title, and reads settings files of the project.
    return {"promptSuggestions": False, "title": "clawdforge", "settingSources": ["user"]}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to be made."""

    method: str
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session that takes prompts."""

    agent: Agent
    session_id: str
    knobs: Mapping[SettingKey, Knob]
    answers: tuple[Any, ...] = field(repr=False)
    """Which told the settings, in order."""


class OpeningError(Exception):
    """The session cannot be opened: `reason` is a word, the message is for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


Steps = Generator[Call, Answer | Failure, Opened]
"""Gives a request, wants its answer."""


def opening(spec: SessionSpec, *, flavour: str | None, auth_method: str | None) -> Steps:
    """The steps from a process that was started to a session with the settings of `spec`.

    Raises:
        OpeningError: the agent refused one of them.
    """
    agent = yield from greeted(flavour=flavour, auth_method=auth_method)
    answer = yield from _session(spec, agent)
    session_id = _dict(answer).get("sessionId", spec.resume_id if not spec.fork else None)
    if not isinstance(session_id, str):
        msg = "the agent gave its session no name, as ACP wants it; try another version of it"
        raise OpeningError("agent_protocol", msg)
    knobs = dict(knobs_of(answer))
    answers = [answer]
    for key, value in _wanted(spec):
        knob = knobs.get(key)
        if knob is None:
            raise OpeningError(CANNOT_SET, f"the agent does not let us choose the {key}")
        result = yield Call(method=knob.method, params=knob.params(session_id, value))
        answers.append(_good(result, CANNOT_SET, f"{key} {value!r}"))
        knobs.update(knobs_of(answers[-1]))
    return Opened(agent=agent, session_id=session_id, knobs=knobs, answers=tuple(answers))


def greeted(
    *, flavour: str | None, auth_method: str | None
) -> Generator[Call, Answer | Failure, Agent]:
    """The first steps: who are you, and may we.

    Raises:
        OpeningError: the agent refused one of them.
    """
    message = yield Call(method="initialize", params=greeting())
    told = _good(message, "agent_failed", "the agent cannot be used")
    if not isinstance(told, dict):
        msg = "the agent does not answer as ACP agents do; is its command right?"
        raise OpeningError("agent_protocol", msg)
    version = told.get("protocolVersion", PROTOCOL_VERSION)
    if version != PROTOCOL_VERSION:
        msg = f"the agent speaks version {version!r:.20} of ACP, clawdforge {PROTOCOL_VERSION}"
        raise OpeningError("agent_protocol", f"{msg}; install a version of it that fits")
    agent = agent_of(told, flavour)
    if auth_method is not None:
        answer = yield Call(method="authenticate", params={"methodId": auth_method})
        _good(answer, AUTH, f"it cannot be logged in by {auth_method!r}")
    return agent


def _session(spec: SessionSpec, agent: Agent) -> Generator[Call, Answer | Failure, Any]:
    params = session_params(spec, agent)
    if spec.resume_id is None:
        answer = yield Call(method="session/new", params=params)
        return _good(answer, "agent_failed", "no session")
    params["sessionId"] = spec.resume_id
    if spec.fork:
        if "fork" not in agent.offers:
            raise OpeningError("cannot_fork", "the agent cannot copy a conversation")
        answer = yield Call(method="session/fork", params=params)
        return _good(answer, CANNOT_RESUME, _UNKNOWN)
    if not agent.resumes:
        raise OpeningError(CANNOT_RESUME, "the agent cannot go on with an earlier conversation")
    if "resume" in agent.offers:
        answer = yield Call(method="session/resume", params=params)
        # Qwen offers it, and does not know it when asked.
        if not (isinstance(answer, Failure) and answer.code == METHOD_NOT_FOUND and agent.loads):
            return _good(answer, CANNOT_RESUME, _UNKNOWN)
    answer = yield Call(method="session/load", params=params)
    return _good(answer, CANNOT_RESUME, _UNKNOWN)


def _wanted(spec: SessionSpec) -> Iterator[tuple[SettingKey, str]]:
    values = {"model": spec.model, "mode": spec.mode, "effort": spec.effort}
    for key in SETTING_KEYS:
        if (value := values[key]) is not None:
            yield key, value


def _good(message: Answer | Failure, reason: str, what: str) -> Any:
    """The result of an answer.

    Raises:
        OpeningError: it is a refusal.
    """
    if isinstance(message, Answer):
        return message.result
    reason = AUTH if message.code == AUTH_REQUIRED else reason
    raise OpeningError(reason, f"{what}: {failure_text(message.message, message.data)}")
