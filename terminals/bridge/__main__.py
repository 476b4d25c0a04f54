"""`python -m terminals.bridge pair SERVER CODE`, once; then `python -m terminals.bridge run` for as long as the PC is on."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from types import FrameType

from terminals.bridge.agent import Agent
from terminals.bridge.errors import BridgeError
from terminals.bridge.identity import Identity, identity_file
from terminals.bridge.pairing import pair
from terminals.bridge.sources import PcscSource, ReaderSource, SimulatedSource
from terminals.simulator.chip import Chip

SIMULATED = "simulated reader"


def main(words: list[str] | None = None) -> int:
    """Do what the arguments say; 1 and a sentence when it cannot be done."""
    arguments = _parser().parse_args(words)
    try:
        if arguments.action == "pair":
            identity = pair(arguments.server.rstrip("/"), arguments.code)
            identity.save(arguments.config)
            say(f"paired with {identity.server}; now start: python -m terminals.bridge run")
        else:
            _run(Agent(Identity.load(arguments.config), _source(arguments.card), say))
    except BridgeError as error:
        say(str(error), stream_is_error=True)
        return 1
    return 0


def say(text: str, *, stream_is_error: bool = False) -> None:
    """A line on the console, with the time."""
    now = datetime.now().astimezone()
    print(f"{now:%H:%M:%S}  {text}", file=sys.stderr if stream_is_error else sys.stdout, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m terminals.bridge", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    pairing = actions.add_parser("pair", help="make this PC known to a server, with a code from its office")
    pairing.add_argument("server", help="the server's address, https://…")
    pairing.add_argument("code", help="the code shown in the office")
    running = actions.add_parser("run", help="let the server use this PC's card readers until Ctrl-C")
    running.add_argument("--card", type=Path, metavar="DIR", help="no reader: a simulated card in its folder")
    for action in (pairing, running):
        action.add_argument(
            "--config", type=Path, metavar="FILE", default=identity_file(), help="default: %(default)s"
        )
    return parser


def _source(card: Path | None) -> ReaderSource:
    if card is None:
        return PcscSource()
    try:
        return SimulatedSource({SIMULATED: Chip.open(card)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BridgeError(f"{card} holds no simulated card") from error


def _run(agent: Agent) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        # The agent's locks may be held by the very code this signal has interrupted.
        threading.Thread(target=agent.stop, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    agent.run()


if __name__ == "__main__":
    sys.exit(main())
