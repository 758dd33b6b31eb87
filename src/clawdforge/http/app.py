"""The FastAPI app, put together."""

from typing import Any

from fastapi import FastAPI

from clawdforge import __version__
from clawdforge.http import errors
from clawdforge.http.door import Door
from clawdforge.http.guards import Guards
from clawdforge.http.openapi import document
from clawdforge.http.routes import (
    admin,
    agents,
    approvals,
    files,
    handover,
    health,
    history,
    monitor,
    page,
    panes,
    permissions,
    runs,
    sessions,
    turns,
)
from clawdforge.http.services import Services

ROUTERS = (
    health.router,
    runs.router,
    handover.router,
    sessions.router,
    turns.router,
    permissions.router,
    files.router,
    agents.router,
    monitor.router,
    approvals.router,
    approvals.answering,
    panes.router,
    history.router,
    admin.router,
    history.admin_router,
    history.limits_router,
    health.metrics_router,
    page.router,
)


def build_app(services: Services, guards: Guards, *, max_body_bytes: int) -> FastAPI:
    """The app over these services. It neither opens nor closes them."""
    app = FastAPI(
        title="clawdforge",
        version=__version__,
        docs_url=None,  # its page loads scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.apps = services.apps
    app.state.logins = services.logins
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app)
    app.add_middleware(
        Door,
        guards=guards,
        metrics=services.metrics,
        max_body_bytes=max_body_bytes,
        max_upload_bytes=services.max_upload_bytes,
    )
    _publish(app)
    return app


def _publish(app: FastAPI) -> None:
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(document(app, ROUTERS))
        return made

    app.openapi = openapi  # type: ignore[method-assign]
