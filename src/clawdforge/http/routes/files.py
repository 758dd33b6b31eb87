"""`POST /files`: uploads, streamed to the disk."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.gateway.caller import Caller
from clawdforge.http.multipart import FILE_FIELD, TTL_FIELD, UploadReader, ttl_of
from clawdforge.http.routes.documented import errors
from clawdforge.http.schemas import FileReply
from clawdforge.http.services import services
from clawdforge.http.strict import AppRoute, caller

router = APIRouter(route_class=AppRoute, tags=["files"])

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FILE_FIELD],
                    "properties": {
                        FILE_FIELD: {"type": "string", "format": "binary"},
                        TTL_FIELD: {
                            "type": "integer",
                            "description": "Brought into 60 to 86400; default 3600.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/files",
    response_model=FileReply,
    responses=errors(401, 413, 422, 503),
    openapi_extra=_FORM,
)
async def upload(
    request: Request,
    who: Annotated[Caller, Depends(caller)],
    ttl_secs: Annotated[
        int | None, Query(description="The same as the form's field, which wins.")
    ] = None,
) -> Response:
    """Keep a file for the app's runs. Its token goes into `files` of `POST /run`."""
    its = services(request)
    reader = UploadReader(
        request.headers.get("content-type", ""), its.files.new_path(), its.max_upload_bytes
    )
    written = await reader.read(request.stream())
    try:
        ttl = ttl_of(reader.fields.get(TTL_FIELD), ttl_secs)
    except BaseException:
        await its.files.discard(written.path)
        raise
    kept = await its.files.keep(written, ttl_secs=ttl, who=who)
    return JSONResponse(
        {"file_token": kept.token, "ttl_secs": kept.ttl_secs, "size": kept.size_bytes}
    )
