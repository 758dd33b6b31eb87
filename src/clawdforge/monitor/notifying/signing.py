"""Signatures as Standard Webhooks has them, so that a receiver knows who tells. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
MIN_BYTES: Final = 24
MAX_BYTES: Final = 64


def signing_keys(text: str) -> list[bytes]:
    """The keys of a secret; several, a line each, while one replaces another.

    Raises:
        ValueError: it is none.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        msg = "it is empty"
        raise ValueError(msg)
    return [_key(line) for line in lines]


def made_secret(key: bytes) -> str:
    """A secret as receivers are given it."""
    return PREFIX + base64.b64encode(key).decode()


def signed_headers(
    body: bytes, *, message_id: str, at: int, keys: Sequence[bytes]
) -> dict[str, str]:
    """The three headers of a body that is sent now; `at` is seconds since 1970."""
    told = f"{message_id}.{at}.".encode() + body
    signatures = (hmac.new(key, told, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def _key(line: str) -> bytes:
    try:
        key = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not line.startswith(PREFIX) or not MIN_BYTES <= len(key) <= MAX_BYTES:
        msg = f"it is not {PREFIX} and {MIN_BYTES} to {MAX_BYTES} bytes in base64"
        raise ValueError(msg)
    return key
