"""The one place that knows everybody: builds the object graph, owns start and stop order."""

from clawdforge.server.gateway import Gateway, open_gateway
from clawdforge.server.serving import serve

__all__ = ["Gateway", "open_gateway", "serve"]
