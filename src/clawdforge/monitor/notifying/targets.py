"""What can be told, and how that is written in `notifications.toml`. Pure.

A target that makes no sense is left out, with a problem that names the file and the key; the
others work.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from clawdforge.core.observed.attention_values import Kind, Policy, Source
from clawdforge.monitor.notifying.addresses import is_literal_private

NAME: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,63}")
TOPIC: Final = re.compile(r"[-_A-Za-z0-9]{1,64}")
NTFY: Final = "https://ntfy.sh"
DAY_SECS: Final = 86_400
Secs = Annotated[float, Meta(ge=0, le=DAY_SECS)]
_AT = re.compile(r"^(?P<what>.*) - at `(?:key in )?\$(?P<path>.*)`$", re.DOTALL)
_FIELD = re.compile(r"field `(?P<name>[^`]+)`")


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to tell; None: as `[defaults]` says, else as `Policy` does."""

    events: frozenset[Kind] | None = None
    needs_you_secs: Secs | None = None
    finished_secs: Secs | None = None
    min_work_secs: Secs | None = None
    cooldown_secs: Secs | None = None
    recheck_secs: Annotated[float, Meta(gt=0, le=DAY_SECS)] | None = None
    quiet: bool | None = None
    needs_you_of: frozenset[Source] | None = None
    finished_of: frozenset[Source] | None = None


class Bell(Timing, frozen=True, kw_only=True, tag="bell", tag_field="kind"):
    """The terminal bell of whoever is attached to the session's tmux server."""

    message: bool = True
    """Also a line in tmux's status line."""


class Desktop(Timing, frozen=True, kw_only=True, tag="desktop", tag_field="kind"):
    """A notification of the desktop, by `notify-send`."""


class _Networked(Timing, frozen=True, kw_only=True):
    allow_private: bool = False
    """It may be an address of this machine or its network."""
    timeout_secs: Annotated[float, Meta(gt=0, le=600)] = 10.0
    give_up_secs: Annotated[float, Meta(ge=0, le=7 * DAY_SECS)] = 3600.0
    """So long it is tried again."""


class Ntfy(_Networked, frozen=True, kw_only=True, tag="ntfy", tag_field="kind"):
    """A topic of an ntfy server."""

    topic: str
    server: str = NTFY
    token_env: str | None = None
    token_file: str | None = None
    priority: Annotated[int, Meta(ge=1, le=5)] = 4
    content: Literal["full", "brief"] = "brief"
    """`full`: with what is asked, such as a command."""

    def __repr__(self) -> str:  # who knows the topic can read it
        return f"Ntfy({self.server!r})"


class Webhook(_Networked, frozen=True, kw_only=True, tag="webhook", tag_field="kind"):
    """Any address that takes Standard Webhooks."""

    url: str
    secret_env: str | None = None
    secret_file: str | None = None
    content: Literal["full", "brief"] = "full"
    may_answer: bool = False
    """Its reply may answer the question that it was told."""

    def __repr__(self) -> str:  # addresses of webhooks are secrets often enough
        return "Webhook(...)"


Channel = Bell | Desktop | Ntfy | Webhook


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to tell."""

    name: str
    channel: Channel
    policy: Policy

    @property
    def kind(self) -> str:
        """`bell`, `desktop`, `ntfy` or `webhook`."""
        return type(self.channel).__name__.lower()


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, as far as it can be used."""

    targets: Mapping[str, Target] = {}
    problems: tuple[str, ...] = ()
    """What cannot be used, and why; each names the file and the key."""
    page_url: str | None = None
    """Where the page is for those who are told, if that is not this machine."""
    look_secs: float = 60.0
    """So long after the last key somebody is taken to look at a terminal."""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    page_url: str | None = None
    look_secs: Annotated[float, Meta(gt=0, le=DAY_SECS)] = 60.0
    defaults: Timing = Timing()
    targets: dict[str, Any] = {}


def read_targets(text: str, where: str) -> Configured:
    """A configuration from the text of its file; `where` is what the file is called."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Configured(problems=(f"{where}: not valid TOML: {error}",))
    try:
        file = msgspec.convert(table, _File)
        if file.page_url is not None:
            _check_url(file.page_url, "page_url")
    except (msgspec.ValidationError, ValueError) as error:
        return Configured(problems=(f"{where}: {_told(error, '')}",))
    targets, problems = {}, []
    for name, raw in file.targets.items():
        try:
            targets[name] = _target(name, raw, file.defaults)
        except (msgspec.ValidationError, ValueError) as error:
            problems.append(f"{where}: {_told(error, f'targets.{name}')}")
    return Configured(
        targets=targets,
        problems=tuple(problems),
        page_url=file.page_url and file.page_url.rstrip("/"),
        look_secs=file.look_secs,
    )


def _target(name: str, raw: Any, defaults: Timing) -> Target:
    if NAME.fullmatch(name) is None:
        msg = "that cannot be a name: letters, digits, - and _"
        raise ValueError(msg)
    channel: Channel = msgspec.convert(raw, Channel)
    if isinstance(channel, Ntfy):
        _check_address(channel.server, "server", channel)
        if TOPIC.fullmatch(channel.topic) is None:
            msg = "topic: letters, digits, - and _, 64 at most"
            raise ValueError(msg)
        _check_one(channel.token_env, channel.token_file, "token", needed=False)
    elif isinstance(channel, Webhook):
        _check_address(channel.url, "url", channel)
        _check_one(channel.secret_env, channel.secret_file, "secret", needed=True)
        if channel.may_answer and channel.content == "brief":
            msg = "content: who may answer has to see what is asked: full"
            raise ValueError(msg)
    return Target(name=name, channel=channel, policy=_policy(channel, defaults))


def _policy(channel: Timing, defaults: Timing) -> Policy:
    given: dict[str, Any] = {}
    for name in Timing.__struct_fields__:
        for one in (channel, defaults):
            if (value := getattr(one, name)) is not None:
                given[name] = value
                break
    return Policy(**given)


def _check_address(url: str, key: str, channel: _Networked) -> None:
    host = _check_url(url, key)
    if not channel.allow_private and is_literal_private(host):
        msg = f"{key}: {host} is a private address: allow_private = true lets it be told"
        raise ValueError(msg)


def _check_url(url: str, key: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or not _is_plain(url):
        msg = f"{key}: must be an http or https address"
        raise ValueError(msg)
    if parts.username is not None or parts.password is not None:
        msg = f"{key}: credentials do not belong into the address"
        raise ValueError(msg)
    return host


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def _check_one(env: str | None, file: str | None, key: str, *, needed: bool) -> None:
    if env is not None and file is not None:
        msg = f"{key}_env, {key}_file: one of them"
        raise ValueError(msg)
    if needed and env is None and file is None:
        msg = f"{key}_file: missing; it, or {key}_env, says where the {key} is"
        raise ValueError(msg)


def _told(error: Exception, at: str) -> str:
    """An error with the key that it is about first."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return _joined([at], text)
    found = _AT.match(text)
    keys = [at]
    if found is not None:
        keys.append(found["path"].lstrip("."))
        text = found["what"]
        if keys[-1] == "kind":
            text += ": bell, desktop, ntfy or webhook"
    if (named := _FIELD.search(text)) is not None:
        keys.append(named["name"])
        is_missing = "missing" in text
        text = "missing" if is_missing else "there is no such key"
    return _joined(keys, text)


def _joined(keys: Iterable[str], text: str) -> str:
    where = ".".join(key for key in keys if key)
    glue = "." if re.match(r"[a-z_]+(?:, [a-z_]+)?: ", text) else ": "
    return f"{where}{glue}{text}" if where else text
