"""Plug simulated chips from their directories into the virtual PC/SC reader, or offer them on TCP, until interrupted."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path

from terminals.simulator.chip import Chip
from terminals.simulator.framing import PluggableChip
from terminals.simulator.psam import Psam
from terminals.simulator.tcp import TcpSlot
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
    with contextlib.ExitStack() as slots:
        try:
            for slot, chip in _chips(arguments.card, arguments.sam):
                _plug(slots, slot, chip, arguments.port, arguments.tcp)
        except FileNotFoundError as error:
            parser.error(f"no chip there: {error.filename}")
        except TimeoutError as error:
            parser.error(f"{error}: start pcscd with the vpcd driver")
        except OSError as error:
            parser.error(str(error))
        signal.sigwait(STOP)


def _chips(card: Path | None, sam: Path | None) -> list[tuple[int, PluggableChip]]:
    """The chips named, with their slots."""
    cards = [] if card is None else [(CARD_SLOT, Chip.open(card))]
    sams = [] if sam is None else [(SAM_SLOT, Psam.open(sam))]
    return [*cards, *sams]


def _plug(
    slots: contextlib.ExitStack, slot: int, chip: PluggableChip, vpcd_port: int, tcp_port: int | None
) -> None:
    if tcp_port is None:
        slots.enter_context(VpcdSlot(slot, first_port=vpcd_port)).insert(chip)
    else:
        slots.enter_context(TcpSlot(chip, tcp_port + slot))


if __name__ == "__main__":
    main()
