"""The shell script that makes all calls of a conversation, and what it is told. Pure.

It is told a line a command, and prints what acpx prints, with a line of its own after each call:

    prompt ID     one `acpx prompt`, its text from the file `prompt-ID` in TMPDIR
    cancel ID     `acpx cancel`, again and again until that turn was found or has ended
    rest KEY      end the queue owner whose lease has that name, and itself
    end of input  end itself, once the turn has ended

A turn begins when the `acpx prompt` before it has ended, so that two never print at once.
"""

import hashlib
import re
from collections.abc import Sequence

SCRIPT = r"""
name=$1; how=$2; shift 2
lease() { printf %s "$HOME/.acpx/queues/$1.lock"; }
say() { printf '{"clawdforge":"%s","id":"%s","exit":%s}\n' "$1" "$2" "$3"; }
turn() {
  "$@" prompt -s "$name" --file - <"$TMPDIR/prompt-$id"
  code=$?
  rm -f "$TMPDIR/prompt-$id"
  say prompt "$id" $code
}
stop_turn() {
  while [ -e "$TMPDIR/prompt-$id" ]; do
    "$@" cancel -s "$name" </dev/null 2>/dev/null | grep -q '"cancelled":true' && break
    sleep 0.1
  done
}
rest() {
  pid=$(sed -n 's/^ *"pid": *\([0-9][0-9]*\),*$/\1/p' "$(lease "$1")" 2>/dev/null)
  [ -n "$pid" ] && ps -o args= -p "$pid" | grep -q __queue-owner || return
  kill -TERM "$pid"
  while [ -e "$(lease "$1")" ]; do sleep 0.05; done
}
if [ "$how" = new ]; then
  "$@" sessions new --name "$name" </dev/null
  code=$?
  say create "$name" $code
  [ $code -eq 0 ] || exit $code
else
  say resume "$name" 0
fi
while read -r word id; do
  case $word in
    prompt) wait; turn "$@" & ;;
    cancel) stop_turn "$@" & ;;
    rest) wait; rest "$id"; exit 0 ;;
  esac
done
wait
"""
SHELL = ("/bin/sh", "-c", SCRIPT, "acpx-turns")

_POLICIES = {"--approve-all", "--approve-reads", "--deny-all"}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


def arguments(
    *, program: Sequence[str], extra: Sequence[str], cwd: str, model: str | None, agent: str
) -> list[str]:
    """What every call of a conversation begins with. Values must have been checked.

    Args:
        program: acpx.
        extra: The operator's global flags. They win: over the policy, and the owner's patience.
        cwd: The workspace.
        model: The model.
        agent: acpx's name of the agent.
    """
    flags = ["--format", "json", "--json-strict", "--cwd", cwd]
    if not _POLICIES & set(extra):
        flags += ["--approve-reads", "--non-interactive-permissions", "deny"]
    if "--ttl" not in extra:
        flags += ["--ttl", "0"]  # it ends when we say so
    if model is not None:
        flags += ["--model", model]
    return [*program, *flags, *extra, agent]


def prompt_line(turn_id: str) -> bytes:
    """Tells the script to hand in the prompt of that name."""
    return f"prompt {turn_id}\n".encode()


def cancel_line(turn_id: str) -> bytes:
    """Tells the script to have that turn cancelled."""
    return f"cancel {turn_id}\n".encode()


def rest_line(record: str) -> bytes:
    """Tells the script to end the owner of that session, then itself."""
    return f"rest {lease_key(record)}\n".encode()


def lease_key(record: str) -> str:
    """The name of the files by which acpx knows a session's queue owner."""
    return hashlib.sha256(record.encode()).hexdigest()[:24]


def join_id(name: str, record: str | None) -> str:
    """Our name of a conversation and acpx's, as one: what a session is resumed with."""
    return name if record is None else f"{name}:{record}"


def split_id(known_as: str) -> tuple[str, str | None]:
    """The two again; a name alone, or with what cannot be acpx's, has no record."""
    name, _, record = known_as.partition(":")
    return name, record if is_name(record) else None


def is_name(found: str) -> bool:
    """Whether this can be an id of a session: it is to be part of a file's name."""
    return _ID.fullmatch(found) is not None
