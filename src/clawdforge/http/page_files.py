"""The files of the web page, read once: they are part of the program."""

import gzip
import hashlib
from dataclasses import dataclass, field
from importlib import resources

_KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """One of them."""

    content: bytes = field(repr=False)
    packed: bytes = field(repr=False)
    """The same, for who takes gzip."""
    media_type: str
    etag: str


def _read() -> dict[str, PageFile]:
    found = {}
    for entry in resources.files("clawdforge.http").joinpath("page").iterdir():
        kind = _KINDS.get(entry.name.rpartition(".")[2])
        if kind is not None:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            found[entry.name] = PageFile(
                content=content,
                packed=gzip.compress(content, mtime=0),
                media_type=kind,
                etag=etag,
            )
    return found


PAGE_FILES = _read()
"""All of them, by name."""
