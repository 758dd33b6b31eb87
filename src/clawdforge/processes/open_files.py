"""How many files may be open: a server with many readers needs more than programs usually get.

Most systems give 1,024, though a program may take far more by itself. Its children get what was
usual: some programs break, or become slow, with more.
"""

import resource

ENOUGH = 65_536
_USUAL, _MOST = resource.getrlimit(resource.RLIMIT_NOFILE)


def take_enough() -> int:
    """Let this process open more files, as far as the system lets it; how many it may now."""
    most = ENOUGH if _MOST == resource.RLIM_INFINITY else min(_MOST, ENOUGH)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(_USUAL, most), _MOST))
    except (ValueError, OSError):
        return _USUAL
    return most


def of_children() -> int | None:
    """The limit that children are to get; None: it is as it was."""
    return None if resource.getrlimit(resource.RLIMIT_NOFILE)[0] == _USUAL else _USUAL
