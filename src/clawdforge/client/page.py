"""How a browser gets into the web page: a link that works once. Pure."""

from dataclasses import dataclass, field
from functools import partial

import msgspec

from clawdforge.client import replies
from clawdforge.client.calls import Call
from clawdforge.client.discovery import Place
from clawdforge.client.errors import SettingsError
from clawdforge.client.replies import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """Where a browser is to go."""

    url: str = field(repr=False)
    """With the code in its fragment, which browsers send to nobody."""
    expires_in_secs: int
    """How long the code works, once."""


class _Codes(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[str]


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    expires_in_secs: int


def page_link(place: Place) -> Call[PageLink]:
    """`POST /login/codes`, with the tokens for that place.

    Raises:
        SettingsError: there are none.
    """
    tokens = [token.reveal() for token in (place.token, place.admin_token) if token is not None]
    if not tokens:
        msg = f"there is no token for {place.url}"
        hint = "set CLAWDFORGE_TOKEN, or run as the user who runs the server on this machine"
        raise SettingsError(msg, code="token_missing", hint=hint)
    return Call(
        method="POST",
        path="/login/codes",
        credential=None,
        body=msgspec.json.encode(_Codes(tokens=tokens)),
        decode=partial(_link, place.url),
    )


def _link(url: str, reply: Reply) -> PageLink:
    made = replies.decoded(reply, _Code)
    return PageLink(url=url + made.path, expires_in_secs=made.expires_in_secs)
