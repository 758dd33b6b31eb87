"""Try things by hand: `python -m clawdforge.testing.model_api --say hello`."""

import argparse
import sys
import threading
from collections.abc import Sequence

from clawdforge.testing.model_api.api import ModelApi
from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import Always, Say, Step

_SHOWN_CHARS = 120


def main(argv: Sequence[str] | None = None) -> int:
    """Run the API until Ctrl-C; what to export is on stdout, each request on stderr."""
    options = _parser().parse_args(argv)
    with ModelApi([Always(_Speaker(options.say))], port=options.port) as api:
        for name, value in api.environment().items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


class _Speaker:
    """Says the given texts in order, the last one for ever, and tells what it was asked."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = list(texts)

    def __call__(self, request: Request) -> Step:
        prompt = request.prompt[:_SHOWN_CHARS]
        sys.stderr.write(f"{request.model} effort={request.effort} prompt={prompt!r}\n")
        return Say(self._texts.pop(0) if len(self._texts) > 1 else self._texts[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clawdforge.testing.model_api", description=__doc__
    )
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free port")
    parser.add_argument(
        "--say", nargs="+", default=["hello"], help="answers in order; the last one repeats"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
