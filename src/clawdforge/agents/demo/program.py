"""The demo agent as a program: speaks ACP v1 over standard input and output.

Deterministic: the same prompts and files give the same answers. Uses the standard library only
and nothing else of clawdforge, so that it starts in some 30 ms. The rest of it is in the modules
beside this file, which Python keeps compiled; their imports are relative, because here their
package is called `demo`.
"""

import os.path
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clawdforge.agents.demo.serving import main
else:
    # Isolated mode leaves it out. (pathlib would take a third of the time to start.)
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    from demo.serving import main

if __name__ == "__main__":
    main()
