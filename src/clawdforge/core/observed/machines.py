"""Sessions of other machines beside those of this one. Pure.

Their ids begin with the machine: two machines may have the same (`pending-4711`).
"""

import msgspec

from clawdforge.core.observed.views import SessionView


def id_on(host: str | None, session_id: str) -> str:
    """The id of a machine's session among those of several machines."""
    return session_id if host is None else f"{host}/{session_id}"


def id_there(view: SessionView) -> str:
    """The id that its own machine knows."""
    return view.id if view.host is None else view.id.removeprefix(f"{view.host}/")


def on_host(view: SessionView, host: str) -> SessionView:
    """A view that a machine gave of its own session, as one among those of several machines.

    Without the id that the gateway there knows it by: here it would name another session, or none.
    """
    parent = view.parent_session_id
    return msgspec.structs.replace(
        view,
        id=id_on(host, view.id),
        parent_session_id=id_on(host, parent) if parent else parent,
        child_session_ids=[id_on(host, name) for name in view.child_session_ids],
        session=None,
        host=host,
        stale=False,
    )


def as_stale(view: SessionView) -> SessionView:
    """How it was when its machine was last heard of."""
    return msgspec.structs.replace(view, stale=True)
