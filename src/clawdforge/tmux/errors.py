"""What can go wrong with tmux. `code` says what it was."""

from clawdforge.errors import ClawdforgeError


class TmuxError(ClawdforgeError):
    """tmux could not do it.

    `code` is `tmux_missing` (it is not installed), `tmux_gone` (there is no such server),
    `tmux_timeout` (it did not answer), `pane_gone`, `pane_unclear` (several servers
    have a pane with that id), `no_pane`, `text_too_large`, `text_not_plain`, `no_question`,
    `no_option`, `question_changed`, `question_open` or `tmux_failed`.
    """

    code = "tmux_failed"
