"""Tells a target something at once, to see that it gets there: `clawdforge notify test`."""

import socket
import time
from collections.abc import Mapping
from pathlib import Path

from clawdforge.core.observed.attention_words import Words
from clawdforge.errors import ClawdforgeError
from clawdforge.monitor.notifying.attempts import Credentials, send_once
from clawdforge.monitor.notifying.files import page_of
from clawdforge.monitor.notifying.local_channels import NotToldError, ring_bell, show_on_desktop
from clawdforge.monitor.notifying.messages import About, ntfy_test_body, test_body
from clawdforge.monitor.notifying.outbox import new_id
from clawdforge.monitor.notifying.targets import Bell, Configured, Desktop, Ntfy, Target
from clawdforge.monitor.notifying.terminals import survey

TIMEOUT_SECS = 10.0


async def try_target(
    target: Target, configured: Configured, environ: Mapping[str, str], folder: Path
) -> str | None:
    """Tell a target that this is a test; None when it was told, else why not."""
    host = socket.gethostname()
    words = Words(title="clawdforge", text=f"This is a test from {host}: it gets here.")
    try:
        match target.channel:
            case Bell() as bell:
                await ring_bell(bell, words, None, await survey(environ))
            case Desktop():
                await show_on_desktop(words, "finished", environ)
            case channel:
                about = About(at=time.time(), host=host, url=page_of(configured, environ))
                if isinstance(channel, Ntfy):
                    body = ntfy_test_body(channel, about)
                else:
                    body = test_body(about, target.name)
                headers = Credentials(environ, folder).headers(target, body, new_id())
                outcome = await send_once(
                    target,
                    body,
                    headers,
                    timeout_secs=min(channel.timeout_secs, TIMEOUT_SECS),
                )
                return outcome.problem
    except NotToldError as error:
        return str(error)
    except ClawdforgeError as error:
        return error.message
    return None
