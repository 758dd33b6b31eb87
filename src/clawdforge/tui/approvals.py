"""What sessions ask that were started by hand, where that can be answered from anywhere.

`clawdforge hooks install --approvals` makes it so. Asked and answered over the monitor's socket:
no server is needed.
"""

from collections.abc import Sequence
from pathlib import Path

from clawdforge.client import PermissionInfo
from clawdforge.client.approvals import answer_approval, list_approvals
from clawdforge.client.errors import ProtocolError
from clawdforge.core.observed.views import SessionView
from clawdforge.tui.providers import Act, Allow, Deny, Provider


class ApprovalsProvider(Provider):
    """The monitor's way.

    Args:
        path: The monitor's socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def do(self, act: Act, view: SessionView | None) -> str:
        """See `Provider`."""
        match act:
            case Allow(question=question):
                info = await answer_approval(
                    question.permission_id,
                    allow=True,
                    scope="always" if act.always else "once",
                    option_id=act.option_id,
                    args=act.args,
                    path=self._path,
                )
            case Deny(question=question):
                info = await answer_approval(
                    question.permission_id,
                    allow=False,
                    option_id=act.option_id,
                    message=act.message,
                    path=self._path,
                )
            case _:
                return await super().do(act, view)
        always = isinstance(act, Allow) and act.always
        return f"{info.state}: {info.tool}" + (", always" if always else "")

    async def questions(self) -> Sequence[PermissionInfo]:
        """See `Provider`. A monitor that knows no approvals has none."""
        try:
            return await list_approvals(self._path)
        except ProtocolError:
            return ()
