"""Where the server is and which tokens to use, when the caller does not say.

In this order: what is given, `CLAWDFORGE_URL`, `CLAWDFORGE_TOKEN` and `CLAWDFORGE_ADMIN_TOKEN`,
then what a server on this machine leaves in the data folder for its own user. Tokens from the
data folder go only to the URL that stands beside them, never to one from elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clawdforge.client.address import DEFAULT_URL, base_url
from clawdforge.client.errors import SettingsError
from clawdforge.client.secret import Secret
from clawdforge.config import (
    ADMIN_TOKEN_FILE,
    LOCAL_TOKEN_FILE,
    SERVER_FILE,
    default_data_dir,
    read_private_file,
)
from clawdforge.errors import ConfigError
from clawdforge.wire import forge, forge_json

URL_VARIABLE = "CLAWDFORGE_URL"
TOKEN_VARIABLE = "CLAWDFORGE_TOKEN"  # noqa: S105 - a variable's name
ADMIN_TOKEN_VARIABLE = "CLAWDFORGE_ADMIN_TOKEN"  # noqa: S105 - a variable's name
DATA_DIR_VARIABLE = "CLAWDFORGE_DATA_DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server and the credentials for it."""

    url: str
    token: Secret | None = None
    admin_token: Secret | None = None


def locate(
    *,
    url: str | None,
    token: Secret | None,
    admin_token: Secret | None,
    environ: Mapping[str, str],
) -> Place:
    """Fill in what is None. Reads the data folder only for what is still missing then.

    Raises:
        SettingsError: a URL is wrong, or a credential file is not safe to use.
    """
    url = url if url is not None else environ.get(URL_VARIABLE) or None
    token = token or _variable(environ, TOKEN_VARIABLE)
    admin_token = admin_token or _variable(environ, ADMIN_TOKEN_VARIABLE)
    given = base_url(url) if url is not None else None
    if given and token and admin_token:
        return Place(url=given, token=token, admin_token=admin_token)
    folder = data_folder(environ)
    server = read_server(folder)
    if server is None or given not in {None, server.url}:
        return Place(url=given or DEFAULT_URL, token=token, admin_token=admin_token)
    return Place(
        url=server.url,
        token=token or read_credential(folder / LOCAL_TOKEN_FILE),
        admin_token=admin_token or read_credential(folder / ADMIN_TOKEN_FILE),
    )


def data_folder(environ: Mapping[str, str]) -> Path:
    """The data folder: `CLAWDFORGE_DATA_DIR`, else where this system keeps such things."""
    named = environ.get(DATA_DIR_VARIABLE)
    return Path(named).expanduser().absolute() if named else default_data_dir()


def read_server(folder: Path) -> forge.ServerFile | None:
    """What a running server wrote about itself, its URL in normal form; None: none runs.

    Raises:
        SettingsError: the file is not the caller's own, or makes no sense.
    """
    text = _read(folder / SERVER_FILE)
    if not text:
        return None
    try:
        server = forge_json.decode(text.encode(), forge.ServerFile)
        url = base_url(server.url)
    except (forge_json.MalformedError, SettingsError) as error:
        msg = f"{folder / SERVER_FILE} makes no sense: {error.message}"
        raise SettingsError(msg, hint="restart the server, or set CLAWDFORGE_URL") from None
    return forge.ServerFile(
        url=url, pid=server.pid, version=server.version, started_at=server.started_at
    )


def read_credential(path: Path) -> Secret | None:
    """The token in a file; None when there is no file, or nothing in it.

    Raises:
        SettingsError: the file is not the caller's own, or others can read it.
    """
    text = _read(path)
    return Secret(text, f"the token in {path}") if text else None


def _read(path: Path) -> str | None:
    try:
        return read_private_file(path)
    except ConfigError as error:
        message, hint = error.message, error.hint
    raise SettingsError(message, code="credential_file_unsafe", hint=hint)


def _variable(environ: Mapping[str, str], name: str) -> Secret | None:
    value = environ.get(name, "").strip()
    return Secret(value, name) if value else None
