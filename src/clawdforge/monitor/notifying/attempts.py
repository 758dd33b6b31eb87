"""One attempt to send a message over the network, with the credentials of its target."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clawdforge.config.folders import read_private_file
from clawdforge.errors import ConfigError
from clawdforge.monitor.notifying.addresses import PrivateAddressError, is_private
from clawdforge.monitor.notifying.posting import PostError, Reply, post
from clawdforge.monitor.notifying.retrying import asked_pause_secs, is_taken, may_go_well
from clawdforge.monitor.notifying.signing import signed_headers, signing_keys
from clawdforge.monitor.notifying.targets import Ntfy, Target, Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt went."""

    reply: Reply | None = None
    """When the message was taken."""
    problem: str | None = None
    """Why it was not."""
    again: bool = False
    """Another attempt may go better."""
    wait_secs: float = 0.0
    """So long the receiver wants to be left alone."""


class Credentials:
    """Reads secrets of targets from variables and private files. Its methods block.

    Args:
        environ: The variables.
        folder: Where relative paths begin.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder

    def headers(self, target: Target, body: bytes, message_id: str) -> dict[str, str]:
        """The headers that say who tells.

        Raises:
            ConfigError: a secret is not there, or is none; it is not shown.
        """
        channel = target.channel
        if isinstance(channel, Webhook):
            where = f"targets.{target.name}.secret"
            text = self._read(where, channel.secret_env, channel.secret_file)
            try:
                keys = signing_keys(text)
            except ValueError as error:
                hint = f"`clawdforge notify add webhook {target.name} …` makes one"
                raise ConfigError(f"{where}: {error}", hint=hint) from None
            return signed_headers(body, message_id=message_id, at=int(time.time()), keys=keys)
        if isinstance(channel, Ntfy) and (channel.token_env or channel.token_file):
            where = f"targets.{target.name}.token"
            token = self._read(where, channel.token_env, channel.token_file)
            if not token.isascii() or not token.isprintable():
                raise ConfigError(f"{where}: it cannot stand in a header")
            return {"authorization": f"Bearer {token}"}
        return {}

    def _read(self, where: str, env: str | None, file: str | None) -> str:
        if env is not None:
            value = self._environ.get(env, "").strip()
            if not value:
                msg = f"{where}_env: the variable {env} is not set"
                raise ConfigError(msg, hint="set it where the monitor is started")
            return value
        path = self._folder / Path(file or "").expanduser()
        text = read_private_file(path)
        if not text:
            raise ConfigError(f"{where}_file: there is nothing in {path}")
        return text


async def send_once(
    target: Target, body: bytes, headers: Mapping[str, str], *, timeout_secs: float | None = None
) -> Outcome:
    """Send a message to a target of the network.

    Args:
        target: Whom.
        body: What.
        headers: See `Credentials.headers`.
        timeout_secs: In place of the target's own.
    """
    channel = target.channel
    assert isinstance(channel, Ntfy | Webhook)
    try:
        reply = await post(
            channel.server if isinstance(channel, Ntfy) else channel.url,
            body,
            headers,
            timeout_secs=timeout_secs or channel.timeout_secs,
            allow_private=channel.allow_private,
        )
    except PrivateAddressError as error:
        return Outcome(problem=f"{error}: allow_private = true lets it be told")
    except PostError as error:
        return Outcome(problem=str(error), again=True)
    if is_taken(reply.status):
        return Outcome(reply=reply)
    problem = f"it answered {reply.status}"
    if 300 <= reply.status < 400:
        problem += ": redirects are not followed"
    return Outcome(
        problem=problem,
        again=may_go_well(reply.status),
        wait_secs=asked_pause_secs(reply.retry_after, time.time()),
    )


def may_be_believed(target: Target, reply: Reply) -> bool:
    """Whether nobody on the way can have written a reply: it came by TLS, or from next door."""
    channel = target.channel
    return isinstance(channel, Webhook) and (
        channel.url.startswith("https://") or is_private(reply.peer)
    )
