"""ACP v1: tool calls, which are told in patches. Pure.

What agents do with them: the first message often has an empty input and a title that says
nothing; some send only updates, or name the call first in the permission request; one repeats
everything with each update. So what is known is kept, and only what is new is passed on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from clawdforge.core.events import Diff, ToolCall, ToolStatus

_STATUSES: dict[str, ToolStatus] = {
    "pending": "pending",
    "in_progress": "in_progress",
    "completed": "completed",
    "failed": "failed",
}
_PATH_ARGS = ("file_path", "filePath", "path", "abs_path", "notebook_path")


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known about a call."""

    told_name: str | None = None
    name: str | None = None
    title: str | None = None
    kind: str | None = None
    args: Any = None
    status: ToolStatus | None = None
    result: Any = None
    diffs: tuple[Diff, ...] | None = None
    paths: tuple[str, ...] | None = None


class ToolCalls:
    """The calls of one turn."""

    def __init__(self) -> None:
        self._calls: dict[str, Known] = {}

    def patch(self, told: Mapping[str, Any]) -> ToolCall | None:
        """What a message adds to what is known; None when that is nothing."""
        call_id = told.get("toolCallId")
        if not isinstance(call_id, str):
            return None
        before = self._calls.get(call_id)
        after = _updated(before, told)
        self._calls[call_id] = after
        new = {
            key: value
            for key in _PASSED_ON
            if (value := getattr(after, key)) is not None and value != getattr(before, key, None)
        }
        return ToolCall(call_id=call_id, **new) if new or before is None else None

    def known(self, told: Mapping[str, Any]) -> Known:
        """All that is known about the call of a message."""
        call_id = told.get("toolCallId")
        if isinstance(call_id, str) and call_id in self._calls:
            return self._calls[call_id]
        return _updated(None, told)


_PASSED_ON = tuple(field.name for field in fields(Known) if field.name != "told_name")


def told_name(told: Mapping[str, Any]) -> str | None:
    """The tool's own name, wherever this agent puts it."""
    if isinstance(name := told.get("name"), str):
        return name
    match told.get("_meta"):
        case {"claudeCode": {"toolName": str(name)}}:
            return name
        case {"goose": {"toolCall": {"toolName": str(name)}}}:
            return name
        case {"toolName": str(name)}:
            return name
    return None


def text_of(content: Any) -> str | None:
    """The text of a content block; None when it is not text."""
    match content:
        case str(text) | {"type": "text", "text": str(text)}:
            return text
    return None


def paths_of(known: Known) -> tuple[str, ...]:
    """Every file that a call names."""
    paths = list(known.paths or ())
    paths += [diff.path for diff in known.diffs or ()]
    if isinstance(known.args, dict):
        paths += [path for name in _PATH_ARGS if isinstance(path := known.args.get(name), str)]
    return tuple(dict.fromkeys(paths))


def _updated(before: Known | None, told: Mapping[str, Any]) -> Known:
    known = before or Known()
    name = told_name(told) or known.told_name
    title = _text(told.get("title")) or known.title
    status = _status(known, told)
    args = told.get("rawInput")
    return Known(
        told_name=name,
        name=name or known.name or title,
        title=title,
        kind=_text(told.get("kind")) or known.kind,
        args=known.args if args is None or args == {} else args,
        status=status,
        result=_result(known, told, status),
        diffs=tuple(_diffs(told)) or known.diffs,
        paths=tuple(_locations(told)) or known.paths,
    )


def _status(known: Known, told: Mapping[str, Any]) -> ToolStatus | None:
    kind, status = told.get("sessionUpdate"), _text(told.get("status"))
    if kind is None and known.status is not None:
        return known.status  # a permission request says `pending` also of a call that began
    if status in _STATUSES:
        return _STATUSES[status]
    return known.status or ("pending" if kind == "tool_call" else None)


def _result(known: Known, told: Mapping[str, Any], status: ToolStatus | None) -> Any:
    output = told.get("rawOutput")
    if output is not None and output != "":
        return output
    # Before the call runs, its content describes what it is going to do.
    text = "\n".join(_texts(told)) if status not in {None, "pending"} else ""
    return text or known.result


def _items(told: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    items = told.get(name)
    yield from (
        item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict)
    )


def _texts(told: Mapping[str, Any]) -> Iterator[str]:
    for item in _items(told, "content"):
        if (text := text_of(item.get("content"))) is not None:
            yield text


def _diffs(told: Mapping[str, Any]) -> Iterator[Diff]:
    for item in _items(told, "content"):
        match item:
            case {"type": "diff", "path": str(path), "newText": str(new_text)}:
                yield Diff(path=path, old_text=_text(item.get("oldText")), new_text=new_text)


def _locations(told: Mapping[str, Any]) -> Iterator[str]:
    for item in _items(told, "locations"):
        if isinstance(path := item.get("path"), str):
            yield path


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
