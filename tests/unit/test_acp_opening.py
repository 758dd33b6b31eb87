"""What an agent that is greeted can do. Pure."""

import pytest

from clawdforge.agents.acp.opening import agent_of


@pytest.mark.parametrize(("name", "resumes"), [("qwen-code", True), ("gemini-cli", False)])
def test_an_agent_that_loses_what_it_loads_cannot_resume(name: str, resumes: bool) -> None:
    told = {"agentInfo": {"name": name}, "agentCapabilities": {"loadSession": True}}
    assert agent_of(told).resumes is resumes
