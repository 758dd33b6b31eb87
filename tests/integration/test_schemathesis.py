"""The OpenAPI document against the real server: what it says is what happens, and no 5xx."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from clawdforge.http.publish import published
from clawdforge.testing.serving import RunningServer, running_server

SCHEMA = schemathesis.openapi.from_file(published())
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("schemathesis")
    with running_server(folder, max_timeout_secs=5, log_level="error") as running:
        yield running


@pytest.mark.timeout(300)
@SCHEMA.parametrize()
@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_document_is_true(case: "Case[Any]", server: RunningServer) -> None:
    token = server.admin_token if case.path.startswith(("/admin", "/metrics")) else server.token
    response = case.call(
        base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    if response.status_code not in {502, 503}:
        case.validate_response(response, checks=[not_a_server_error])
    case.validate_response(response, checks=CHECKS)
