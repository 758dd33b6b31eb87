#!/bin/sh
# The hook client where there is neither a compiler nor Python: the same as client.c, which says
# what it does. Needs socat, or an nc that knows -U. Long payloads are cut to their names.
#
#   client.sh [--status-line [COMMAND]]

LC_ALL=C
export LC_ALL
socket=${ATM_SOCKET:-/tmp/atm.sock}
MAX_BYTES=65536

field() { # a text of the payload, by its name: long ones are in the middle
    { printf '%s' "$payload" | head -c $MAX_BYTES; echo; printf '%s' "$payload" | tail -c $MAX_BYTES; } |
        grep -a -o "\"$1\":\"[^\"\\\\]*\"" | head -n 1
}

cut_payload() { # what the monitor needs of a payload that is too long for it
    short=
    for name in session_id hook_event_name tool_name tool_use_id agent_id agent_type cwd \
        transcript_path permission_mode notification_type reason source; do
        found=$(field "$name")
        [ -n "$found" ] && short=$short${short:+,}$found
    done
    payload={$short}
}

claude_pid() {
    [ -n "$CLAUDE_PID" ] && { printf '%s' "$CLAUDE_PID" | tr -cd 0-9; return; }
    pid=$PPID
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$pid" -gt 1 ] 2>/dev/null || return
        read -r name <"/proc/$pid/comm" || return
        [ "$name" = claude ] && { printf '%s' "$pid"; return; }
        pid=$(sed 's/.*) [^ ]* \([0-9]*\) .*/\1/' "/proc/$pid/stat")
    done
}

added() {
    printf '"sent_at":%s' "$(date +%s)"
    pid=$(claude_pid)
    [ -n "$pid" ] && printf ',"pid":%s' "$pid"
    case $TMUX_PANE in
    '' | %*[!0-9]*) ;;
    %*) printf ',"tmux_pane":"%s"' "$TMUX_PANE" ;;
    esac
    case $CLAUDE_CODE_ENTRYPOINT in
    '' | *[!a-z0-9_-]*) ;;
    *) printf ',"entrypoint":"%s"' "$CLAUDE_CODE_ENTRYPOINT" ;;
    esac
}

lines() {
    printf '{"protocol_version":{"major":1,"minor":0},"type":"connect","client_id":"hook-%s"}\n' $$
    printf '%s\n' "$line"
}

tell() {
    [ -S "$socket" ] || return 1
    if command -v socat >/dev/null 2>&1; then
        lines | timeout 0.1 socat -u - "UNIX-CONNECT:$socket" 2>/dev/null
    elif command -v nc >/dev/null 2>&1; then
        lines | timeout 0.1 nc -N -U "$socket" >/dev/null 2>&1
    else
        return 1
    fi
}

spool() {
    case $XDG_STATE_HOME in
    /*) state=$XDG_STATE_HOME ;;
    *) state=${HOME:+$HOME/.local/state} ;;
    esac
    folder=${state:-/tmp}/atm/spool
    (umask 077 && mkdir -p "$folder" && printf '%s\n' "$line" >>"$folder/hooks.$$.jsonl")
}

report() {
    case $payload in
    '{'*'}') ;;
    *) return ;;
    esac
    [ ${#payload} -gt $MAX_BYTES ] && cut_payload
    case $payload in
    *'"hook_event_name":'*) type=hook_event ;;
    *) type=status_update ;;
    esac
    rest=${payload%\}}
    case $rest in
    '{') comma= ;;
    *) comma=, ;;
    esac
    line="{\"protocol_version\":{\"major\":1,\"minor\":0},\"type\":\"$type\",\"data\":$rest$comma$(added)}}"
    tell || spool
}

# An approval cannot be waited for here: without an answer the terminal asks, as always.
[ "$1" = --approve ] && exit 0

payload=$(tr -d '\n\r\000')
if [ "$1" = --status-line ]; then
    shift
    (report </dev/null >/dev/null 2>&1 &)
    if [ $# -gt 1 ]; then
        printf '%s' "$payload" | "$@"
        exit
    elif [ $# -eq 1 ]; then
        printf '%s' "$payload" | /bin/sh -c "$1"
        exit
    fi
    field display_name | sed 's/.*:"\(.*\)"/\1/'
    exit 0
fi
report >/dev/null 2>&1
exit 0
