"""What tokens look like, and how they are kept: only their SHA-256 digest is stored."""

import hashlib
import hmac

APP_TOKEN_PREFIX = "cf_"  # noqa: S105 - the public prefix, not a secret
FILE_TOKEN_PREFIX = "ff_"  # noqa: S105
TOKEN_BYTES = 32
"""Random bytes behind a token: 256 bit."""


def digest(token: str) -> str:
    """The SHA-256 of a token as 64 hex digits: what the ledger keeps instead of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same(given: str, expected: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )
