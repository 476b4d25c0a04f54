"""Plug simulated chips from their directories into the virtual PC/SC reader, until interrupted."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path

from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.vpcd import FIRST_PORT, VpcdSlot

CARD_SLOT, SAM_SLOT = 0, 1
STOP = {signal.SIGINT, signal.SIGTERM}


def main() -> None:
    """Read the arguments, insert what they name, wait for Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m terminals.simulator", description=__doc__)
    parser.add_argument("--card", type=Path, metavar="DIR", help="directory of a card, for slot 0")
    parser.add_argument("--sam", type=Path, metavar="DIR", help="directory of a SAM, for slot 1")
    parser.add_argument(
        "--port", type=int, default=FIRST_PORT, help="vpcd's first port (default %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.card is None and arguments.sam is None:
        parser.error("name a --card or a --sam directory")
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)  # before any thread starts, so that sigwait gets them
    with contextlib.ExitStack() as slots:
        try:
            if arguments.card is not None:
                slots.enter_context(VpcdSlot(CARD_SLOT, first_port=arguments.port)).insert(
                    Chip.open(arguments.card)
                )
            if arguments.sam is not None:
                slots.enter_context(VpcdSlot(SAM_SLOT, first_port=arguments.port)).insert(
                    Psam.open(arguments.sam)
                )
        except FileNotFoundError as error:
            parser.error(f"no chip there: {error.filename}")
        except TimeoutError as error:
            parser.error(f"{error}: start pcscd with the vpcd driver")
        signal.sigwait(STOP)


if __name__ == "__main__":
    main()
