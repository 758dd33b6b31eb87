"""`clawdforge open`: the web page in the browser, logged in, without a password."""

import html
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, client_environment, connected

REDIRECT_FILE = "open.html"
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_PAGE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>clawdforge</title>
<p><a href="{url}">clawdforge</a></p>
"""


def open_page(
    just_print: Annotated[
        bool,
        typer.Option("--print", metavar="", help="Print the link, and start no browser."),
    ] = False,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Open the web page: sessions live, approvals, costs. Logs the browser in by itself."""
    from clawdforge.cli.screen import print_json, stderr

    with connected(url, data_dir) as client:
        link = client.page_link()
        home = client.url
    if as_json:
        print_json({"url": link.url, "expires_in_secs": link.expires_in_secs})
        return
    environ = client_environment(url, data_dir)
    if not just_print and _has_screen(environ) and _start_browser(link.url, environ):
        stderr().print(f"Opened {home} in the browser.", markup=False)
        stderr().print("Nothing there? `clawdforge open --print` gives the link.", markup=False)
        return
    sys.stdout.write(link.url + "\n")
    sys.stdout.flush()
    minutes = link.expires_in_secs // 60
    stderr().print(f"Open it on this machine within {minutes} minutes. It works once.")


def _has_screen(environ: Mapping[str, str]) -> bool:
    return sys.platform == "darwin" or any(environ.get(name) for name in _SCREENS)


def _start_browser(url: str, environ: Mapping[str, str]) -> bool:
    """Whether a browser took it. Other users see its arguments: the link goes through a file."""
    import webbrowser

    from clawdforge.client.discovery import data_folder
    from clawdforge.config.folders import make_private_folder, write_private_file

    folder = make_private_folder(data_folder(environ))
    path: Path = folder / REDIRECT_FILE
    write_private_file(path, _PAGE.format(url=html.escape(url)))
    return webbrowser.open(path.as_uri())
