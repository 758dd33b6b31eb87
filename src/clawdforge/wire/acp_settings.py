"""ACP v1: the settings of a session (model, mode, effort) and how each is changed. Pure.

Agents offer them as config options; older ones as `modes` and `models` beside them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

SettingKey = Literal["model", "mode", "effort"]
SETTING_KEYS: tuple[SettingKey, ...] = ("model", "effort", "mode")
"""In the order in which they are set: which efforts there are depends on the model."""

_BY_CATEGORY: dict[str, SettingKey] = {
    "model": "model",
    "mode": "mode",
    "thought_level": "effort",
    "thinking": "effort",
}
_BY_ID: dict[str, SettingKey] = {
    "model": "model",
    "mode": "mode",
    "effort": "effort",
    "reasoning_effort": "effort",
    "thought_level": "effort",
    "thinking": "effort",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A setting that an agent offers."""

    method: str
    name: str
    """The request's parameter that takes the value."""
    option: str | None = None
    """The config option's id."""
    current: str | None = None
    values: tuple[str, ...] = ()

    def params(self, session_id: str, value: str) -> dict[str, Any]:
        """The parameters of the request that sets it."""
        option = {"configId": self.option} if self.option is not None else {}
        return {"sessionId": session_id, **option, self.name: value}


def knobs_of(answer: Any) -> dict[SettingKey, Knob]:
    """What can be set, by what a session's answer offers."""
    found: dict[SettingKey, Knob] = {}
    if not isinstance(answer, dict):
        return found
    for key, option in _options(answer):
        found.setdefault(
            key,
            Knob(
                method="session/set_config_option",
                name="value",
                option=option["id"],
                current=_text(option.get("currentValue")),
                values=tuple(_values(option.get("options"), "value")),
            ),
        )
    old: tuple[tuple[SettingKey, str, str, str, str, str], ...] = (
        ("mode", "modes", "availableModes", "id", "currentModeId", "session/set_mode"),
        ("model", "models", "availableModels", "modelId", "currentModelId", "session/set_model"),
    )
    for key, group, items, name, current, method in old:
        offered = answer.get(group)
        if isinstance(offered, dict) and (key == "mode" or key not in found):
            found[key] = Knob(
                method=method,
                name="modeId" if key == "mode" else "modelId",
                current=_text(offered.get(current)),
                values=tuple(_values(offered.get(items), name)),
            )
    return found


def settings_of(answer: Any) -> dict[SettingKey, str]:
    """The current values that an answer or an update tells."""
    return {key: knob.current for key, knob in knobs_of(answer).items() if knob.current is not None}


def _options(answer: Mapping[str, Any]) -> Iterator[tuple[SettingKey, Mapping[str, Any]]]:
    options = answer.get("configOptions")
    for option in options if isinstance(options, list) else ():
        match option:
            case {"id": str(name)}:
                category = _text(option.get("category"))
                key = _BY_CATEGORY.get(category) if category else _BY_ID.get(name)
                if key is not None:
                    yield key, option


def _values(items: Any, name: str) -> Iterator[str]:
    """The values of a list of choices, which may be in groups."""
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        if isinstance(value := item.get(name), str):
            yield value
        else:
            yield from _values(item.get("options"), name)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
