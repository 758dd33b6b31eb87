"""The driver for any agent that speaks ACP v1 over stdio (https://agentclientprotocol.com)."""
