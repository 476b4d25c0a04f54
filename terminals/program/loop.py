"""The program of a terminal: waits for cards, and between them keeps house. It ends at a word, with nothing half done."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from terminals.card.errors import CardError
from terminals.card.transport import Transport
from terminals.program.chores import Chores
from terminals.program.console import Console
from terminals.program.keypad import Keypad
from terminals.program.result import TapResult
from terminals.program.terminal import Terminal
from terminals.wire.reasons import REASONS

STEP_S: Final = 1.0
"""Between two looks at what there is to do."""
AGAIN_S: Final = 2.0
"""Before a reader that is gone is looked for again."""
FAREWELL_S: Final = 3.0
"""So long a request under way may still take when the program ends; a batch broken off comes again as it was."""


class Cards(Protocol):
    """Cards as they are laid on the reader: each time a way to connect to the one that is there."""

    def __iter__(self) -> Iterator[Callable[[], Transport]]:
        """Until `cancel`; CardError when the reader is gone."""

    def cancel(self) -> None:
        """End the iteration within a moment, from any thread or a signal."""


@dataclass
class Program:
    """One terminal at work. `connect_sam` makes the connection to the SAM anew."""

    terminal: Terminal
    cards: Cards
    keypad: Keypad
    console: Console
    own_clock: Callable[[], datetime]
    connect_sam: Callable[[], Transport]
    chores: Chores | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    _house: threading.Thread | None = None

    def run(self, *, once: bool = False) -> TapResult | None:
        """Serve cards until `stop`, or one; the last result. A reader that is gone is waited for, it may come back."""
        if self.chores is not None:
            self.chores.begin(self.own_clock())
        self._house = threading.Thread(target=self._keep_house, name="chores", daemon=True)
        self._house.start()
        result = None
        try:
            for connect in self._each_card():
                result = self.serve(connect)
                if once or self.stopping.is_set():
                    return result
        finally:
            self.stop()
            self._house.join(FAREWELL_S)
        return result

    def serve(self, connect: Callable[[], Transport]) -> TapResult:
        """One card that is there."""
        try:
            card = connect()
        except CardError:
            result = TapResult(False, REASONS["read_error"])
        else:
            with contextlib.closing(card):
                result = self.keypad.serve(card)
        self.console.show(result)
        if result.reason.code == "terminal_fault":
            self._mend_sam()
        return result

    def stop(self) -> None:
        """End after the card that is being served."""
        self.stopping.set()
        self.cards.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether a request is still under way, so that the journal must not be closed before the process ends."""
        return self._house is not None and self._house.is_alive()

    def _each_card(self) -> Iterator[Callable[[], Transport]]:
        while not self.stopping.is_set():
            try:
                yield from self.cards
                return
            except CardError as error:
                self.console.say(f"{error}; looking for it again")
                self.stopping.wait(AGAIN_S)

    def _mend_sam(self) -> None:
        """A connection that failed never works again; a new one may."""
        try:
            self.terminal.use_sam(self.connect_sam())
        except (CardError, OSError) as error:
            self.console.say(f"SAM: {error}")

    def _keep_house(self) -> None:
        while self.chores and not self.stopping.is_set():
            if not self.chores.step(self.own_clock()):
                self.stopping.wait(STEP_S)
