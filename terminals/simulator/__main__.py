"""Plug simulated chips from their directories into the virtual PC/SC reader, or offer them on TCP, until interrupted."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from terminals.simulator.chip import Chip
from terminals.simulator.framing import PluggableChip
from terminals.simulator.plugs import CARD_SLOT, SAM_SLOT, plugged
from terminals.simulator.psam import Psam
from terminals.simulator.vpcd import FIRST_PORT

STOP = {signal.SIGINT, signal.SIGTERM}


def main() -> None:
    """Read the arguments, insert what they name, wait for Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m terminals.simulator", description=__doc__)
    parser.add_argument("--card", type=Path, metavar="DIR", help="directory of a card, for slot 0")
    parser.add_argument("--sam", type=Path, metavar="DIR", help="directory of a SAM, for slot 1")
    parser.add_argument(
        "--port", type=int, default=FIRST_PORT, help="vpcd's first port (default %(default)s)"
    )
    parser.add_argument(
        "--tcp",
        type=int,
        metavar="PORT",
        help="listen here instead: the card on PORT, the SAM on PORT + 1, messages as vpcd's",
    )
    arguments = parser.parse_args()
    if arguments.card is None and arguments.sam is None:
        parser.error("name a --card or a --sam directory")
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)  # before any thread starts, so that sigwait gets them
    try:
        with plugged(_chips(arguments.card, arguments.sam), vpcd_port=arguments.port, tcp_port=arguments.tcp):
            signal.sigwait(STOP)
    except FileNotFoundError as error:
        parser.error(f"no chip there: {error.filename}")
    except TimeoutError as error:
        parser.error(f"{error}: start pcscd with the vpcd driver")
    except OSError as error:
        parser.error(str(error))


def _chips(card: Path | None, sam: Path | None) -> dict[int, PluggableChip]:
    """The chips named, by slot."""
    chips: dict[int, PluggableChip] = {}
    if card is not None:
        chips[CARD_SLOT] = Chip.open(card)
    if sam is not None:
        chips[SAM_SLOT] = Psam.open(sam)
    return chips


if __name__ == "__main__":
    main()
