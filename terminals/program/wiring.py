"""From the configuration to a terminal at work: opens the SAM, the journal, the key, the lists."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from terminals.card.errors import CardError
from terminals.card.transport import Transport
from terminals.program.chores import Chores
from terminals.program.client import CentreClient
from terminals.program.config import Settings, read_key
from terminals.program.console import Console
from terminals.program.errors import ConfigError
from terminals.program.keypad import Keypad
from terminals.program.loop import Cards, Program
from terminals.program.memory import Memory
from terminals.program.news import News
from terminals.program.orders import NO_ORDERS
from terminals.program.pcsc_cards import PcscCards
from terminals.program.terminal import Terminal
from terminals.readers.memory import MemoryTransport
from terminals.readers.pcsc import PcscTransport
from terminals.simulator.psam import Psam
from terminals.wire.errors import WireError

SAM_WAIT_S = 5.0


def now() -> datetime:
    """The device's clock."""
    return datetime.now(UTC)


@contextmanager
def program_of(
    settings: Settings,
    *,
    stream: TextIO,
    as_json: bool = False,
    cards: Cards | None = None,
    own_clock: Callable[[], datetime] = now,
) -> Iterator[Program]:
    """The whole program; everything is closed afterwards, but the journal while a request is still under way.

    Raises ConfigError, JournalError (in use, damaged, another SAM's), CardError (no SAM), OSError (disk full).
    """
    console = Console(stream, as_json)
    with ExitStack() as opened:
        client = CentreClient(settings.url, settings.code, read_key(settings.key_file))
        memory = Memory.open(settings.state)
        opened.callback(memory.close)
        sams = Sams(settings)
        opened.callback(sams.close)
        news = news_of(settings, console.say)
        terminal = Terminal(
            sam=sams.connect(), memory=memory, client=client, online=settings.online, post=settings.post
        )
        try:
            terminal.orders = news.held()
        except (CardError, WireError, ValueError, KeyError) as error:
            terminal.orders = NO_ORDERS
            console.say(f"what is kept of the centre's lists cannot be used: {error}")
        chores = Chores(terminal, client, news, settings.state, own_clock, console.say, settings.schedule)
        program = Program(
            terminal=terminal,
            cards=cards or PcscCards(settings.card_reader),
            keypad=Keypad(terminal, console, own_clock),
            console=console,
            own_clock=own_clock,
            connect_sam=sams.connect,
            chores=chores,
        )
        yield program
        if program.is_busy:
            opened.pop_all()


def news_of(settings: Settings, say: Callable[[str], None]) -> News:
    """The centre's documents as they are kept. Raises ConfigError when the kept keys cannot be used."""
    try:
        news = News.open(settings.state, settings.centre_key)
    except WireError as error:
        raise ConfigError(
            "centre.centre_key", f"does not fit what is kept in {settings.state}: {error}"
        ) from error
    for kind in news.store.damaged:
        say(f"the kept {kind} could not be trusted and is fetched anew")
    return news


class Sams:
    """The one SAM, connected again as often as it has to be."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected yet."""
        self._settings = settings
        self._connected: Transport | None = None

    def connect(self) -> Transport:
        """Let the old connection go and make a new one. Raises CardError, ConfigError."""
        self.close()
        if self._settings.sam_folder is not None:
            self._connected = _simulated(self._settings.sam_folder)
        else:
            self._connected = PcscTransport(self._settings.sam_reader or "", wait_seconds=SAM_WAIT_S)
        return self._connected

    def close(self) -> None:
        """Let the connection go."""
        if self._connected is not None:
            with contextlib.suppress(CardError):
                self._connected.close()
            self._connected = None


def _simulated(folder: Path) -> MemoryTransport:
    try:
        return MemoryTransport(Psam.open(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError("sam.folder", f"{folder} holds no simulated SAM") from error
