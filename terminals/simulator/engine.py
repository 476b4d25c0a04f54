"""The operating system of a simulated chip: dispatch of APDUs, GET RESPONSE, atomic commits."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from terminals.card.apdu import Command
from terminals.card.errors import FormatError
from terminals.card.status import StatusWord as Sw
from terminals.simulator.dispatch import SECURE, Entry, Refusal, command, table_of
from terminals.simulator.state import ChipState, Phase
from terminals.simulator.store import Store

S = TypeVar("S", bound=ChipState)


class Engine(Generic[S]):
    """One chip between power on and power off. `state` is EEPROM, everything else is lost at `reset`."""

    ATR: ClassVar[bytes]
    CONTACTS: ClassVar[bool] = False
    """Whether the chip speaks T=0 (ISO/IEC 7816-3) rather than ISO/IEC 14443-4."""
    commands: ClassVar[dict[int, Entry]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the command table from the class and its bases."""
        cls.commands = table_of(cls)

    def __init__(self, store: Store, state: S) -> None:
        """Power up with an image that stands in the store."""
        self._store = store
        self.state = state
        self._write_cut = False
        self.reset()

    def reset(self) -> bytes:
        """Warm or cold reset: volatile state goes; returns the ATR."""
        if self._write_cut:
            self.state, self._write_cut = type(self.state).unpack(self._store.load()), False
        self._challenge = b""
        self.challenge = b""
        """What GET CHALLENGE gave just before the command under way."""
        self._waiting = b""
        self.secured = False
        self.drop_volatile()
        return self.ATR

    def drop_volatile(self) -> None:
        """Forget selected file, rights and the transaction begun."""
        raise NotImplementedError

    def drop_pending(self) -> None:
        """Forget the transaction begun."""
        raise NotImplementedError

    def unwrap(self, apdu: Command, challenge: bytes) -> Command:
        """Check and strip the MAC of a command in secure messaging."""
        raise NotImplementedError

    def commit(self, **changes: Any) -> None:
        """Change the EEPROM atomically: durable before the answer goes out.

        When the store raises, the power has failed: only what lies in the store tells whether the change was made, and
        the chip finds out when it is powered again.
        """
        after = replace(self.state, **changes)
        self._write_cut = True
        self._store.save(after.pack())
        self.state, self._write_cut = after, False

    def transmit(self, apdu: bytes) -> bytes:
        """Execute one command APDU; returns data and status word. Never raises on what was sent."""
        if self._write_cut:
            self.reset()
        try:
            data, sw = self._execute(Command.parse(apdu)), int(Sw.OK)
        except FormatError:
            data, sw = b"", int(Sw.WRONG_LENGTH)
        except Refusal as refusal:
            data, sw = refusal.data, refusal.sw
        return data + sw.to_bytes(2)

    def _execute(self, apdu: Command) -> bytes:
        if self.state.phase is Phase.DEAD:
            raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
        entry = self.commands.get(apdu.cla << 8 | apdu.ins)
        if entry is None:
            known = {key & 0xFF for key in self.commands}
            raise Refusal(Sw.UNKNOWN_CLA if apdu.ins in known else Sw.UNKNOWN_INS)
        if entry.answer and apdu.le not in (None, 0, entry.answer):
            raise Refusal(0x6C00 | entry.answer)
        self.challenge, self._challenge = self._challenge, b""
        if not entry.keeps_pending:
            self.drop_pending()
        self.secured = False
        if apdu.cla & SECURE:
            apdu = self.unwrap(apdu, self.challenge)
            self.secured = True
        data = entry.handler(self, apdu)
        return self._answer(apdu, data)

    def _answer(self, apdu: Command, data: bytes) -> bytes:
        """In T=0 an answer nobody gave an Le for waits for GET RESPONSE; without contacts it comes at once."""
        if not data or apdu.le is not None or not self.CONTACTS:
            return data
        self._waiting = data
        raise Refusal(0x6100 | len(data))

    @command(0x00, 0xC0, keeps_pending=True)
    def get_response(self, apdu: Command) -> bytes:
        """GET RESPONSE."""
        if not self._waiting:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if apdu.le not in (0, len(self._waiting)):
            raise Refusal(0x6C00 | len(self._waiting))
        data, self._waiting = self._waiting, b""
        return data

    @command(0x00, 0x84)
    def get_challenge(self, apdu: Command) -> bytes:
        """GET CHALLENGE, 4 or 8 bytes, good for the next command only."""
        if apdu.le not in (4, 8):
            raise Refusal(Sw.WRONG_LENGTH)
        self._challenge = secrets.token_bytes(apdu.le)
        return self._challenge
