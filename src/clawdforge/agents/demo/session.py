"""A conversation with the demo agent, and what can be set in it. Part of `program.py`."""

from typing import Any

VERSION = "2"
MODES = ("default", "plan")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
MODELS = ("demo", "demo-slow")
"""What is offered; any other name is taken, too."""
UNKNOWN_METHOD, BAD_PARAMS, FAILED, UNKNOWN_SESSION = -32601, -32602, -32603, -32002

Json = dict[str, Any]


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def string(params: Json, name: str) -> str:
    """A parameter that must be a text.

    Raises:
        RefusedError: it is not.
    """
    value = params.get(name)
    if not isinstance(value, str):
        raise RefusedError(BAD_PARAMS, f"Invalid params: {name}")
    return value


class Session:
    """One conversation.

    Args:
        params: Of the request that opened it.
        kept: What an earlier process kept of it.
    """

    def __init__(self, session_id: str, params: Json, kept: Json | None = None) -> None:
        self.id = session_id
        self.cwd = string(params, "cwd")
        self.servers: list[Json] = params.get("mcpServers") or []
        system = params.get("systemPrompt")
        self.system: str = system.get("content", "") if isinstance(system, dict) else ""
        self.settings = {"mode": "default", "model": "demo", "effort": "medium"}
        self.words: list[str] = list(kept["words"]) if kept else []
        self.turns: list[list[str]] = list(kept["turns"]) if kept else []

    def to_keep(self) -> Json:
        """What another process needs to go on with it. Not its settings: real agents differ."""
        return {"words": self.words, "turns": self.turns}

    def told(self) -> Json:
        """The answer to whatever opened it."""
        modes = [{"id": mode, "name": mode} for mode in MODES]
        current = self.settings["mode"]
        return {
            "sessionId": self.id,
            "modes": {"currentModeId": current, "availableModes": modes},
            "configOptions": self.options(),
        }

    def options(self) -> list[Json]:
        """The settings as ACP's config options."""
        return [
            self._option("mode", "mode", MODES),
            self._option("model", "model", MODELS),
            self._option("effort", "thought_level", EFFORTS),
        ]

    def set(self, name: str, value: str) -> None:
        """Change a setting.

        Raises:
            RefusedError: there is no such setting, or it has no such value.
        """
        values = {"mode": MODES, "effort": EFFORTS}.get(name)
        if name not in self.settings or not value or (values and value not in values):
            raise RefusedError(BAD_PARAMS, f"Invalid params: {name} {value!r}")
        self.settings[name] = value

    def _option(self, name: str, category: str, values: tuple[str, ...]) -> Json:
        return {
            "id": name,
            "name": name.capitalize(),
            "category": category,
            "type": "select",
            "currentValue": self.settings[name],
            "options": [{"value": value, "name": value} for value in values],
        }
