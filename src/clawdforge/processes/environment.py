"""Which of our environment a child may see: what it needs, never our secrets."""

import fnmatch
from collections.abc import Iterable, Mapping

BASIC = (
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR",
    "XDG_*", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy", "ATM_SOCKET",
)  # fmt: skip
"""What any program may need: who and where it is, language, certificates, proxies, and where
hooks report to."""

NEVER = ("CLAWDFORGE_*", "ADMIN_BOOTSTRAP_TOKEN", "ALLOW_CIDRS")
"""The service's own, whatever a configuration says."""


def select(environ: Mapping[str, str], patterns: Iterable[str]) -> dict[str, str]:
    """The variables whose names match one of `BASIC` or `patterns` (`*` as in a shell)."""
    wanted = (*BASIC, *patterns)
    return {
        name: value
        for name, value in environ.items()
        if _matches(name, wanted) and not _matches(name, NEVER)
    }


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
