"""Chips in the virtual PC/SC reader, or on TCP, for as long as a block lasts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

from terminals.simulator.framing import PluggableChip
from terminals.simulator.tcp import TcpSlot
from terminals.simulator.vpcd import FIRST_PORT, VpcdSlot

CARD_SLOT: Final = 0
SAM_SLOT: Final = 1


@contextlib.contextmanager
def plugged(
    chips: Mapping[int, PluggableChip], *, vpcd_port: int = FIRST_PORT, tcp_port: int | None = None
) -> Iterator[None]:
    """Each chip in its slot of vpcd, or, with `tcp_port`, on that port plus its slot.

    Raises TimeoutError when no vpcd listens, OSError when a port is taken.
    """
    with contextlib.ExitStack() as slots:
        for slot, chip in chips.items():
            if tcp_port is None:
                slots.enter_context(VpcdSlot(slot, first_port=vpcd_port)).insert(chip)
            else:
                slots.enter_context(TcpSlot(chip, tcp_port + slot))
        yield
