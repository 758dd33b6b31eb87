"""What clients may not say: refused as serde refuses it, and what looks like it but is not."""

import json

import pytest

from clawdforge.wire import atm

VERSION = '"protocol_version":{"major":1,"minor":0}'


def read(line: str) -> atm.Request:
    return atm.read_request(line.encode())


def line_of(kind: str, rest: str = "") -> str:
    return f'{{{VERSION},"type":"{kind}"{"," if rest else ""}{rest}}}'


def refusal(line: str | bytes) -> tuple[str, str]:
    with pytest.raises(atm.WireError) as caught:
        atm.read_request(line if isinstance(line, bytes) else line.encode())
    return caught.value.code, caught.value.message


def status(data: str) -> str:
    return line_of("status_update", f'"data":{data}')


def hook(data: str) -> str:
    return line_of("hook_event", f'"data":{data}')


# --- the envelope -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{"seq":1,"type":"ping","protocol_version":{"minor":0,"major":1}}',
        ' \t{ "type" : "ping" , "seq" : 1 , "protocol_version":{"major":1,"minor":0}}\r',
        '{"type":"ping","seq":1,"protocol_version":{"major":9,"minor":65535,"patch":[]}}',
        '{"type":"ping","seq":1,"protocol_version":[1,0]}',
        '{"type":"ping","seq":1,"protocol_version":[1,0],"x":{"type":1,"type":2},"data":"type"}',
        '{"ty\\u0070e":"ping","seq":1,"protocol_version":[1,0]}',
        f'{{"type":"ping","seq":1,"protocol_version":[1,0],"x":{"[" * 127}{"]" * 127}}}',
        '{"type":"ping","seq":1,"protocol_version":[1,0],"x":[-1e-999,1e308,":9e999"]}',
    ],
)
def test_order_blanks_and_unknown_fields_do_not_matter(line: str) -> None:
    ping = read(line)
    assert isinstance(ping, atm.Ping)
    assert ping.seq == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "the line is blank"),
        (b" \t\r", "the line is blank"),
        (b"x", "JSON is malformed: invalid character (byte 0)"),
        (b"null", "not an object"),
        (b'["connect"]', "not an object"),
        (b"{", "Input data was truncated"),
        (b'\xef\xbb\xbf{"type":"ping"}', "JSON is malformed: invalid character (byte 0)"),
        (line_of("discover").encode() + b"{}", "JSON is malformed: trailing characters"),
        (line_of("discover").encode() + b"\0", "JSON is malformed: trailing characters"),
        (line_of("discover", '"x":"\\ud800"').encode(), ""),
        (line_of("discover", '"x":"\\ude00\\ud83d"').encode(), ""),
        (line_of("discover", '"x":"\\q"').encode(), "JSON is malformed: invalid escape"),
        (line_of("discover", '"x":"a\tb"').encode(), "JSON is malformed: invalid character"),
        (line_of("discover", '"x":NaN').encode(), "JSON is malformed: invalid character"),
        (line_of("discover", '"x":-Infinity').encode(), "JSON is malformed: invalid character"),
        (line_of("discover", '"x":01').encode(), "JSON is malformed: invalid number"),
        (line_of("discover", '"x":[1,]').encode(), "JSON is malformed: trailing comma"),
        (line_of("discover", '"x":1e999').encode(), "number out of range"),
        (line_of("discover", '"x":[-1.5E+400]').encode(), "number out of range"),
        (line_of("discover", '"x":{"y":1e0309}').encode(), "number out of range"),
        (line_of("discover", '"x":"').encode() + b'\xff"}', "invalid UTF-8"),
        (line_of("discover", '"x":"').encode() + b'\xed\xa0\x80"}', "invalid UTF-8"),
        (line_of("discover", f'"x":{"[" * 128}{"]" * 128}').encode(), "recursion limit exceeded"),
        (line_of("discover", f'"x":{"[" * 5000}{"]" * 5000}').encode(), "recursion limit exceeded"),
        (b"[" * 1_000_000, "recursion limit exceeded"),
        (b'{"a":' * 200_000, "recursion limit exceeded"),
    ],
)
def test_what_is_no_json_object_is_malformed(line: bytes, message: str) -> None:
    code, told = refusal(line)
    assert code == "malformed"
    assert told.startswith(f"Parse error: {message}")


def test_nesting_in_texts_does_not_count() -> None:
    text = json.dumps('[{"\\' * 1000)
    assert isinstance(read(line_of("discover", f'"x":[{text},"{"[" * 500}"]')), atm.Discover)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("{}", "invalid_message", "missing field `type`"),
        (f'{{{VERSION},"type":1}}', "invalid_message", "missing field `type`"),
        ('{"type":"ping","seq":1}', "invalid_message", "missing field `protocol_version`"),
        (f'{{{VERSION},"message":{{"type":"ping"}}}}', "invalid_message", "missing field `type`"),
        (line_of("ping"), "invalid_message", "missing field `seq`"),
        (
            line_of("ping", '"seq":1.5'),
            "invalid_message",
            "invalid type: floating point `1.5`, expected u64",
        ),
        (
            line_of("ping", '"seq":"1"'),
            "invalid_message",
            'invalid type: string "1", expected u64',
        ),
        (
            line_of("ping", '"seq":-1'),
            "invalid_message",
            "invalid value: integer `-1`, expected u64",
        ),
        (
            line_of("ping", '"seq":18446744073709551616'),
            "invalid_message",
            "invalid type: floating point `1.8446744073709552e19`, expected u64",
        ),
        (
            line_of("connect", '"client_id":5'),
            "invalid_message",
            "invalid type: integer `5`, expected a string",
        ),
        (line_of("status_update"), "invalid_message", "missing field `data`"),
        (line_of("hook_event"), "invalid_message", "missing field `data`"),
        (line_of("explain"), "invalid_message", "missing field `session_id`"),
        (line_of("discover", '"type":"discover"'), "invalid_message", "duplicate field `type`"),
        (line_of("discover", VERSION), "invalid_message", "duplicate field `protocol_version`"),
        (
            status('{"session_id":"s"}')[:-1] + ',"type":"status_update"}',
            "invalid_message",
            "duplicate field `type`",
        ),
    ],
)
def test_an_envelope_that_does_not_fit(line: str, code: str, message: str) -> None:
    assert refusal(line) == (code, f"Parse error: {message}")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ('{"major":1}', "missing field `minor`"),
        ('{"minor":1}', "missing field `major`"),
        ('{"major":65536,"minor":0}', "invalid value: integer `65536`, expected u16"),
        ('{"major":-1,"minor":0}', "invalid value: integer `-1`, expected u16"),
        ('{"major":1,"minor":0.0}', "invalid type: floating point `0.0`, expected u16"),
        ('{"major":"1","minor":0}', 'invalid type: string "1", expected u16'),
        ('"1.0"', 'invalid type: string "1.0", expected struct Version'),
        ("null", "invalid type: null, expected struct Version"),
    ],
)
def test_a_version_that_does_not_fit(version: str, message: str) -> None:
    line = f'{{"protocol_version":{version},"type":"discover"}}'
    assert refusal(line) == ("invalid_message", f"Parse error: {message}")
    assert refusal(line.replace("discover", "hook_event"))[1] in (
        f"Parse error: {message}",
        "Parse error: missing field `data`",
    )


def test_an_unknown_type_is_named() -> None:
    code, message = refusal(line_of("teleport"))
    assert code == "unknown_type"
    assert message.startswith("Parse error: unknown variant `teleport`, expected one of `connect`,")
    assert len(refusal(line_of("x" * 10_000))[1]) < 500


def test_what_is_not_a_faulty_envelope_may_repeat_itself() -> None:
    data = '{"session_id":"s","hook_event_name":"Stop","tool_input":{"type":1,"type":2},"x":[%s]}'
    assert isinstance(read(hook(data % VERSION.join("{}"))), atm.HookEvent)
    assert isinstance(read(hook(data % '"type"')), atm.HookEvent)


# --- payloads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["null", "[]", '"s"', "5", "{}", '{"session_id":5}', "true"])
def test_a_status_line_without_an_id(data: str) -> None:
    assert refusal(status(data)) == ("invalid_payload", "Parse error: Missing session_id")


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ('"pid":"x"', 'invalid type: string "x", expected u32'),
        ('"pid":-1', "invalid value: integer `-1`, expected u32"),
        ('"pid":4294967296', "invalid value: integer `4294967296`, expected u32"),
        ('"pid":1.0', "invalid type: floating point `1.0`, expected u32"),
        ('"pid":1e3', "invalid type: floating point `1000.0`, expected u32"),
        ('"pid":true', "invalid type: boolean `true`, expected u32"),
        ('"pid":[1]', "invalid type: sequence, expected u32"),
        ('"pid":{}', "invalid type: map, expected u32"),
        ('"cwd":7', "invalid type: integer `7`, expected a string"),
        ('"exceeds_200k_tokens":"no"', 'invalid type: string "no", expected a boolean'),
        ('"model":{}', "missing field `id`"),
        ('"model":{"id":null}', "invalid type: null, expected a string"),
        ('"model":"opus"', 'invalid type: string "opus", expected struct Model'),
        ('"cost":{"total_cost_usd":1}', "missing field `total_duration_ms`"),
        ('"cost":{"total_duration_ms":1}', "missing field `total_cost_usd`"),
        (
            '"cost":{"total_cost_usd":"1","total_duration_ms":1}',
            'invalid type: string "1", expected f64',
        ),
        (
            '"cost":{"total_cost_usd":null,"total_duration_ms":1}',
            "invalid type: null, expected f64",
        ),
        (
            '"cost":{"total_cost_usd":1,"total_duration_ms":1,"total_lines_added":null}',
            "invalid type: null, expected u64",
        ),
        (
            '"cost":{"total_cost_usd":1,"total_duration_ms":18446744073709551616}',
            "invalid type: floating point `1.8446744073709552e19`, expected u64",
        ),
        ('"context_window":{"context_window_size":null}', "invalid type: null, expected u32"),
        ('"context_window":{"total_input_tokens":-3}', None),
        (
            '"context_window":{"current_usage":{"input_tokens":null}}',
            "invalid type: null, expected u64",
        ),
        ('"pid":"x","cwd":7', "invalid type: integer `7`, expected a string"),
        ('"pid":"x\\"y\\n"', 'invalid type: string "x\\"y\\n", expected u32'),
    ],
)
def test_a_status_line_that_does_not_fit(rest: str, message: str | None) -> None:
    message = message or "invalid value: integer `-3`, expected u64"
    code, told = refusal(status(f'{{"session_id":"s",{rest}}}'))
    assert (code, told) == ("invalid_payload", f"Registry error: parse error: {message}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"hook_event_name":"Stop"}', "missing field `session_id`"),
        ('{"session_id":"s"}', "missing field `hook_event_name`"),
        (
            '{"session_id":"s","hook_event_name":null}',
            "invalid type: null, expected a string",
        ),
        ("[]", "invalid type: sequence, expected struct Hook"),
        (
            '{"session_id":"s","hook_event_name":"Stop","stop_hook_active":1}',
            "invalid type: integer `1`, expected a boolean",
        ),
        (
            '{"session_id":"s","hook_event_name":"Stop","message":["a"]}',
            "invalid type: sequence, expected a string",
        ),
    ],
)
def test_a_hook_that_does_not_fit(data: str, message: str) -> None:
    assert refusal(hook(data)) == ("invalid_payload", f"Parse error: {message}")


def test_a_refusal_repeats_little_of_what_was_sent() -> None:
    _, message = refusal(status(f'{{"session_id":"s","pid":"{"x" * 100_000}"}}'))
    assert len(message) < 300


def test_driven_sessions_that_do_not_fit() -> None:
    code, message = refusal(line_of("driven_update", '"data":[{"session_id":"s"}]'))
    assert code == "invalid_payload"
    assert message.startswith("Parse error: Object missing required field `app`")


@pytest.mark.parametrize(
    "data",
    [
        '{"session_id":""}',
        '{"session_id":"s","pid":null,"model":null,"cost":null,"context_window":null,"cwd":null}',
        '{"session_id":"s","pid":4294967295}',
        '{"session_id":"s","cost":{"total_cost_usd":1,"total_duration_ms":18446744073709551615}}',
        '{"session_id":"s","cost":{"total_cost_usd":-1e308,"total_duration_ms":0}}',
        '{"session_id":"s","context_window":{"current_usage":null,"used_percentage":null}}',
        '{"session_id":"s","context_window":{"used_percentage":2,"remaining_percentage":97.5}}',
        '{"session_id":"s","workspace":{"current_dir":null},"new":{"deep":[{}]}}',
    ],
)
def test_status_lines_at_the_edges_are_taken(data: str) -> None:
    assert isinstance(read(status(data)), atm.StatusUpdate)
