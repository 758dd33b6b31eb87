"""Which names are names: apps, agents, models, efforts.

Patterns of agents and models refuse a leading dash, so that no value from a caller can
ever be read as a flag by an agent's command line.
"""

import re
from typing import Literal, get_args

APP_NAME = r"^[a-z0-9_-]{1,64}$"
AGENT_NAME = r"^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,63}$"
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@\[\]-]{0,127}$"

SystemMode = Literal["append", "replace"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)

_APP = re.compile(APP_NAME)
_AGENT = re.compile(AGENT_NAME)
_MODEL = re.compile(MODEL_NAME)


def is_app_name(name: str) -> bool:
    """Whether `name` may name an app."""
    return _APP.fullmatch(name) is not None


def is_agent_name(name: str) -> bool:
    """Whether `name` may name an agent."""
    return _AGENT.fullmatch(name) is not None


def is_model_name(name: str) -> bool:
    """Whether `name` may name a model."""
    return _MODEL.fullmatch(name) is not None
