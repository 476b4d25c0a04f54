"""Reading a card that somebody else issued: plain commands first, other forms of them when the chip refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from terminals.card import commands
from terminals.card.apdu import ApduError, Command, error_for
from terminals.card.errors import FormatError
from terminals.card.session import BALANCE_MASK
from terminals.card.status import StatusWord
from terminals.card.transport import ResponseChain, Transport

TAKEN: Final = (
    StatusWord.OK,
    StatusWord.APPLICATION_BLOCKED,
    StatusWord.DATA_DOUBTFUL,
    StatusWord.END_OF_FILE,
)
GAPS: Final = 1
"""Records a chip may refuse before the file is taken to end, as long as it does not say that there is no such record."""


class Answer(NamedTuple):
    """What a chip answered to a command it took."""

    data: bytes
    sw: int


class CardReader:
    """Reads what a chip lets everybody read. Every method raises `ApduError` when the chip refuses all forms."""

    def __init__(self, transport: Transport) -> None:
        """Use a connected transport; nothing is sent yet."""
        self._transport = ResponseChain(transport)

    def ask(self, *forms: Command) -> Answer:
        """The answer to the first form of a command that the chip takes; else the first refusal is raised."""
        refusals = []
        for form in forms:
            data, sw = self._transport.transmit(form.to_bytes())
            if sw in TAKEN:
                return Answer(data, sw)
            refusals.append(error_for(form, sw))
        raise refusals[0]

    def select(self, command: Command) -> Answer:
        """SELECT, with Le and without."""
        return self.ask(command, replace(command, le=None))

    def binary(self, sfi: int, *lengths: int) -> bytes:
        """A transparent file of the selected directory, or as much of it as the chip gives: the lengths in turn, then all."""
        return self.ask(*(commands.read_binary(sfi, length) for length in (*lengths, 0))).data

    def records(self, sfi: int, count: int, length: int) -> list[bytes]:
        """The records of a file, newest first, those never written left out."""
        found: list[bytes] = []
        refused = 0
        for number in range(1, count + 1):
            forms = [commands.read_record(sfi, number, size) for size in (length, 0)]
            try:
                found.append(self.ask(*forms).data)
                refused = 0
            except ApduError as error:
                refused += 1
                if error.sw == StatusWord.RECORD_NOT_FOUND:
                    break
                if refused > GAPS:
                    if not found:
                        raise
                    break
        return found

    def balance(self, part: int, purse: int) -> int:
        """GET BALANCE, the top bit masked, in the chip's unit. FormatError when the answer is too short."""
        command = commands.get_balance(part, purse)
        data = self.ask(command, replace(command, le=0)).data
        if len(data) < 4:
            raise FormatError(f"GET BALANCE answered {len(data)} bytes")
        return int.from_bytes(data[:4]) & BALANCE_MASK
