"""What every implementation of the port `Driver` must do, as tests to inherit from.

Write a subclass and a fixture `bench`:

    class TestMyDriver(DriverContract):
        @pytest.fixture
        def bench(self, processes, tmp_path):
            return Bench(make=lambda limit: MyDriver(…, max_output_bytes=limit), spec=…)

The agent must do what the last line of the prompt says that is a command, as the demo agent does;
an agent with a scripted model behind it does so when the script is `Always(obey)`:

    /echo TEXT         answer TEXT                 /flood BYTES   answer with a long word
    /stream N [MS]     answer `1 2 … N` in pieces  /think TEXT    think TEXT, then answer
    /ask COMMAND       run `touch NAME` or `sleep SECS` with a tool that needs permission
    /write NAME TEXT   write a file with a tool that needs permission
    /remember WORD     keep WORD in the conversation
    /recall            answer all that was to be kept
    /fail MESSAGE      fail with MESSAGE           /hang          never answer

Nothing is skipped: what an agent cannot do (`Driver.caps`) is expected to be refused.
The tests are coroutines: run them with pytest-asyncio in its `auto` mode. The module needs
pytest; nothing else of clawdforge imports it.
"""

from clawdforge.testing.driver_contract.asking import AskingContract
from clawdforge.testing.driver_contract.bench import SECRET, Bench, Talk, Turn
from clawdforge.testing.driver_contract.cancelling import CancellingContract
from clawdforge.testing.driver_contract.conversation import ConversationContract
from clawdforge.testing.driver_contract.obeying import obey, told
from clawdforge.testing.driver_contract.process import ProcessContract
from clawdforge.testing.driver_contract.resuming import ResumingContract

__all__ = ["SECRET", "Bench", "DriverContract", "Talk", "Turn", "obey", "told"]


class DriverContract(
    ProcessContract,
    ConversationContract,
    AskingContract,
    CancellingContract,
    ResumingContract,
):
    """Inherit, and provide `bench`."""
