"""How a terminal learns what is new: signed documents where it holds the centre's key, else the plain interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from terminals.program.client import CentreClient
from terminals.program.clock import Drift, measure
from terminals.program.lists import ListStore, fetch
from terminals.program.orders import Orders, fetch_orders, kept_orders, kept_version
from terminals.wire.lists import ListError


class News(Protocol):
    """What is held, and how to bring it up to date. Errors are those of the functions beneath; what is held then stays."""

    def held(self) -> Orders:
        """What there is on the disk."""

    def fetch(self, client: CentreClient, now: datetime) -> Orders:
        """Ask the centre."""

    def versions(self) -> dict[str, int]:
        """What is applied, by kind, for the heartbeat."""

    def drift(self, client: CentreClient, own_clock: Callable[[], datetime]) -> Drift | None:
        """How far the clock is off; None where nothing signed tells."""


@dataclass
class SignedNews:
    """Documents the centre has signed; nothing else is believed."""

    store: ListStore

    def held(self) -> Orders:
        """As `News`."""
        return Orders.of(self.store)

    def fetch(self, client: CentreClient, now: datetime) -> Orders:
        """As `News`; raises the first ListError when a document was not taken, after all were asked for."""
        refused = fetch(self.store, client, now)
        orders = self.held()
        for error in refused.values():
            raise ListRefused(orders, error)
        return orders

    def versions(self) -> dict[str, int]:
        """As `News`."""
        return self.store.versions()

    def drift(self, client: CentreClient, own_clock: Callable[[], datetime]) -> Drift | None:
        """As `News`."""
        return measure(client, self.store.trust, own_clock)


class ListRefused(ListError):
    """Some document was not taken; `orders` is what holds now, with what was."""

    def __init__(self, orders: Orders, error: ListError) -> None:
        """Keep both."""
        self.orders = orders
        super().__init__(error.rule, str(error))


@dataclass
class PlainNews:
    """The answers of /terminal and /hot-list, kept in a folder; who stands between could change them."""

    folder: Path

    def held(self) -> Orders:
        """As `News`."""
        return kept_orders(self.folder)

    def fetch(self, client: CentreClient, now: datetime) -> Orders:
        """As `News`."""
        return fetch_orders(client, self.folder)

    def versions(self) -> dict[str, int]:
        """As `News`: the hot list's alone has a number here."""
        return {"hot_list": kept_version(self.folder)}

    def drift(self, client: CentreClient, own_clock: Callable[[], datetime]) -> Drift | None:
        """As `News`."""
        return None
