"""The same server over a ledger in memory: what is left when the disk is taken away."""

import asyncio
from contextlib import AsyncExitStack

from clawdforge.config import environment, load_settings
from clawdforge.core.records import AuditEntry, StoredFile
from clawdforge.http.listener import HttpServer, listening, url_of
from clawdforge.http.logs import configure_logging
from clawdforge.server import open_gateway
from clawdforge.testing.memory_ledger import MemoryLedger


class QuickLedger(MemoryLedger):
    """Without the search for a taken name through all files: it grows with every upload."""

    async def add_file(self, file: StoredFile, audit: AuditEntry) -> None:
        """Keep the file."""
        await self.audit(audit)
        self._files[file.token_digest] = file


async def main() -> None:
    environ = environment()
    settings = load_settings(environ=environ).settings
    configure_logging(settings.log_level, settings.log_format)
    async with AsyncExitStack() as stack:
        socket = stack.enter_context(listening(settings.host, settings.port))
        gateway = await stack.enter_async_context(
            open_gateway(settings, environ, ledger=QuickLedger())
        )
        stack.enter_context(gateway.folder.announced(url_of(settings.host, socket), "memory"))
        server = HttpServer(gateway.app, lambda: None)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(15, lambda: setattr(server, "should_exit", True))
        await server.serve(sockets=[socket])


if __name__ == "__main__":
    asyncio.run(main())
