"""How a terminal learns what is new: documents the centre has signed; nothing else is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from terminals.program.client import CentreClient
from terminals.program.clock import Drift, measure
from terminals.program.lists import ListStore, fetch
from terminals.program.orders import Orders
from terminals.wire.lists import ListError


@dataclass
class News:
    """What is held, and how to bring it up to date. What cannot be taken leaves what is held as it is."""

    store: ListStore

    @classmethod
    def open(cls, state: Path, centre_key: bytes) -> Self:
        """In the terminal's folder, by the centre's raw public key as installed. Raises ListError, OSError."""
        return cls(ListStore.open(state / "lists", centre_key))

    def held(self) -> Orders:
        """What there is on the disk. Raises as `Orders.of`."""
        return Orders.of(self.store)

    def fetch(self, client: CentreClient, now: datetime) -> Orders:
        """Ask the centre. Raises CentreUnavailable, CentreRefused, and ListRefused after all documents were asked for."""
        refused = fetch(self.store, client, now)
        orders = self.held()
        for error in refused.values():
            raise ListRefused(orders, error)
        return orders

    def versions(self) -> dict[str, int]:
        """What is applied, by kind, for the heartbeat."""
        return self.store.versions()

    def drift(self, client: CentreClient, own_clock: Callable[[], datetime]) -> Drift | None:
        """How far the clock is off; None where nothing signed tells."""
        return measure(client, self.store.trust, own_clock)


class ListRefused(ListError):
    """Some document was not taken; `orders` is what holds now, with what was."""

    def __init__(self, orders: Orders, error: ListError) -> None:
        """Keep both."""
        self.orders = orders
        super().__init__(error.rule, str(error))
