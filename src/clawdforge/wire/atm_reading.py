"""The monitor's socket: lines to messages, as strictly as serde reads them. Pure."""

from typing import get_args

import msgspec

from clawdforge.core.observed.approval import ApprovalRequest
from clawdforge.core.observed.signals import ContextWindow, Cost, CurrentUsage, Hook, StatusLine
from clawdforge.errors import InputError
from clawdforge.wire import atm_refusals, atm_strict
from clawdforge.wire.atm_approvals import RawApprovalAsked
from clawdforge.wire.atm_base import OUR_VERSION, Version
from clawdforge.wire.atm_messages import (
    Connect,
    Envelope,
    Ping,
    RawDrivenRemoved,
    RawDrivenUpdate,
    RawHookEvent,
    RawStatusUpdate,
    Reply,
    Request,
    StatusUpdate,
)

MAX_LINE = 1_048_576
"""Bytes of a line, with its line feed."""
_MAX_U64 = 2**64 - 1
_NO_COST = Cost(total_cost_usd=0.0, total_duration_ms=0)
_NO_CONTEXT = ContextWindow()
_NO_USAGE = CurrentUsage()
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_request: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_envelope: msgspec.json.Decoder[Envelope] = msgspec.json.Decoder(Envelope)
_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
_KINDS: dict[str, type[msgspec.Struct]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Envelope)
}


class WireError(InputError):
    """A line that is no message, or not one that can be carried out.

    Codes: `malformed` (no JSON object), `unknown_type`, `invalid_message` (the envelope does not
    fit), `invalid_payload` (`data` does not fit), `wrong_version`.
    """

    code = "malformed"
    fatal = False
    """Whether the connection ends with it."""


class VersionError(WireError):
    """The client speaks another major version."""

    code = "wrong_version"
    fatal = True


def read_hello(line: bytes) -> Connect | None:
    """The first line of a client; None: a request, but another than `connect`.

    Raises:
        VersionError: it is of another version, whatever it wants: answer `rejected` and close.
        WireError: it is no request: close without a word.
    """
    try:
        request = _envelope.decode(line)
    except _REFUSED as error:
        raise _refusal(line, str(error)) from None
    _check(line)
    theirs = request.protocol_version
    if isinstance(theirs, tuple):
        theirs = Version(*theirs)
    if theirs.major != OUR_VERSION.major:
        msg = (
            f"Protocol version {theirs.major}.{theirs.minor} not compatible with "
            f"server version {OUR_VERSION.major}.{OUR_VERSION.minor}"
        )
        raise VersionError(msg)
    return request if isinstance(request, Connect) else None


def read_request(line: bytes) -> Request:
    """A later line of a client. Its version must be there, but does not matter.

    Raises:
        WireError: it is refused, with the text for the client.
    """
    try:
        request = _request.decode(line)
    except _REFUSED as error:
        raise _refusal(line, str(error)) from None
    if not atm_strict.is_plain(line):
        _check(line)
    if _exceeds_u64(request):
        raise _refusal(line, "number out of range")
    return request


def read_reply(line: bytes) -> Reply:
    """A line of a monitor, as the clients of atmd 0.2.2 take it.

    Raises:
        WireError: it is none that we know.
    """
    try:
        return _reply.decode(line)
    except _REFUSED as error:
        msg = f"Parse error: {error}"
        raise WireError(msg) from None


def _check(line: bytes) -> None:
    """Raise for what is wrong with a line, and msgspec does not see."""
    if not atm_strict.is_utf8(line):
        msg = "Parse error: invalid UTF-8"
    elif atm_strict.is_too_deep(line):
        msg = "Parse error: recursion limit exceeded"
    elif atm_strict.has_overflow(line):
        msg = "Parse error: number out of range"
    elif (name := _repeated(line)) is not None:
        raise WireError(f"Parse error: duplicate field `{name}`", code="invalid_message")
    else:
        return
    raise WireError(msg)


def _repeated(line: bytes) -> str | None:
    if line.count(b'"type"') < 2 and line.count(b'"protocol_version"') < 2:
        return None
    data = getattr(_envelope.decode(line), "data", None)
    return atm_strict.repeated(line if data is None else line.replace(data, b"null", 1))


def _exceeds_u64(request: Request) -> bool:
    if type(request) is StatusUpdate:
        cost = request.data.cost or _NO_COST
        context = request.data.context_window or _NO_CONTEXT
        usage = context.current_usage or _NO_USAGE
        together = (
            cost.total_duration_ms
            | cost.total_api_duration_ms
            | (cost.total_lines_added or 0)
            | (cost.total_lines_removed or 0)
            | context.total_input_tokens
            | context.total_output_tokens
            | usage.input_tokens
            | usage.output_tokens
            | usage.cache_creation_input_tokens
            | usage.cache_read_input_tokens
        )
        return together > _MAX_U64
    return type(request) is Ping and request.seq > _MAX_U64


def _refusal(line: bytes, reason: str) -> WireError:
    """Why a line is refused, which msgspec gives a reason for, in serde's words."""
    line = line.strip(b" \t\r\n")
    if not line:
        return WireError("Parse error: the line is blank")
    try:
        _check(line)
        return _no_payload(line, _envelope.decode(line), reason)
    except WireError as error:
        return error
    except msgspec.ValidationError:
        return _no_envelope(line, reason)
    except _REFUSED as error:
        return WireError(f"Parse error: {error}")


def _no_payload(line: bytes, request: Envelope, reason: str) -> WireError:
    code = "invalid_payload"
    match request:
        case RawStatusUpdate():
            data = bytes(request.data)
            if not _has_session_id(data):
                return WireError("Parse error: Missing session_id", code=code)
            fault = atm_refusals.fault_of(data, StatusLine) or reason
            return WireError(f"Registry error: parse error: {fault}", code=code)
        case RawHookEvent():
            fault = atm_refusals.fault_of(bytes(request.data), Hook) or reason
        case RawApprovalAsked():
            fault = atm_refusals.fault_of(bytes(request.data), ApprovalRequest) or reason
        case RawDrivenUpdate() | RawDrivenRemoved():
            fault = reason
        case _:
            code = "invalid_message"
            fault = atm_refusals.fault_of(line, type(request)) or reason
    return WireError(f"Parse error: {fault}", code=code)


def _has_session_id(data: bytes) -> bool:
    if data[:1] != b"{":
        return False
    told = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("session_id")
    return told is not None and bytes(told)[:1] == b'"'


def _no_envelope(line: bytes, reason: str) -> WireError:
    if line[:1] != b"{":
        return WireError("Parse error: not an object")
    try:
        fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        told = bytes(fields.get("type", b"null"))
        name = msgspec.json.decode(told, type=str)
    except msgspec.ValidationError:
        return WireError("Parse error: missing field `type`", code="invalid_message")
    except _REFUSED as error:
        return WireError(f"Parse error: {error}")
    if name not in _KINDS:
        known = ", ".join(f"`{kind}`" for kind in _KINDS)
        shown = name[: atm_refusals.MAX_SHOWN]
        msg = f"Parse error: unknown variant `{shown}`, expected one of {known}"
        return WireError(msg, code="unknown_type")
    fault = atm_refusals.fault_of(line, _KINDS[name]) or reason
    return WireError(f"Parse error: {fault}", code="invalid_message")
