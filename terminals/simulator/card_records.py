"""Record files of the simulated card: cyclic logs it writes itself, variable records the issuer and terminals write.

A real operating system creates files with a command of its own; here a file of records exists from its first APPEND
RECORD on, and EF1A from the start. Its records keep the length they were appended with.
"""

from __future__ import annotations

from typing import Final

from terminals.card.apdu import Command
from terminals.card.commands import DEPOSIT, RecordMode
from terminals.card.files import EF1E, EF18
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_base import PURSE_DF, CardEngine
from terminals.simulator.dispatch import Refusal, command

EF19: Final = 0x19
"""Log of the electronic deposit, as in one card system's examples; standards at hand do not say."""
EF1A: Final = 0x1A
APPENDABLE: Final = frozenset({0x07, 0x10, 0x17, EF19, EF1A})
"""Files in which terminals of Chinese cities were seen to keep their own records, EF1A being T-Union's."""
MAX_RECORDS: Final = 32


class RecordEngine(CardEngine):
    """READ, UPDATE and APPEND RECORD."""

    @command(0x00, 0xB2, secured=True)
    def read_record(self, apdu: Command) -> bytes:
        """READ RECORD by number (1 is the newest of a cyclic file) or by identifier."""
        if self.directory != PURSE_DF:
            raise Refusal(Sw.WRONG_P1_P2)
        records = self.records_of(apdu.p2 >> 3)
        record = records[self.place_of(records, apdu)]
        if apdu.le not in (None, 0, len(record)):
            raise Refusal(0x6C00 | len(record))
        return record

    @command(0x00, 0xDC, secured=True)
    def update_record(self, apdu: Command) -> bytes:
        """UPDATE RECORD of a variable record, with MAC or after EXTERNAL AUTHENTICATE."""
        self.check_writer()
        sfi = apdu.p2 >> 3
        if sfi not in self.state.records or self.directory != PURSE_DF:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        place = self.place_of(self.state.records[sfi], apdu)
        self.check_length(self.state.records[sfi][place], apdu.data)
        self.commit(records=replaced(self.state.records, sfi, place, apdu.data))
        return b""

    @command(0x00, 0xE2, secured=True)
    def append_record(self, apdu: Command) -> bytes:
        """APPEND RECORD to a file of variable records, with MAC or after EXTERNAL AUTHENTICATE."""
        self.check_writer()
        sfi = apdu.p2 >> 3
        if self.directory != PURSE_DF or apdu.p1 or apdu.p2 & 0x07:
            raise Refusal(Sw.WRONG_P1_P2)
        if not apdu.data:
            raise Refusal(Sw.WRONG_LENGTH)
        if sfi in self.state.files or sfi not in APPENDABLE or self._is_log(sfi):
            raise Refusal(Sw.WRONG_FILE_TYPE)
        records = self.state.records.get(sfi, [])
        if len(records) >= MAX_RECORDS:
            raise Refusal(Sw.NO_SPACE)
        self.commit(records=self.state.records | {sfi: [*records, apdu.data]})
        return b""

    def records_of(self, sfi: int) -> list[bytes]:
        """The records of a file in order of their numbers; refuses where the file is none of records, or not there."""
        if self._is_log(sfi):
            logs = {EF18: self.state.log, EF1E: self.state.trips, EF19: self.state.deposit_log}
            return logs[sfi]
        if sfi in self.state.records or (sfi == EF1A and self.profile.has_trips):
            return self.state.records.get(sfi, [])
        raise Refusal(Sw.WRONG_FILE_TYPE if sfi in self.TREE[PURSE_DF] else Sw.FILE_NOT_FOUND)

    def place_of(self, records: list[bytes], apdu: Command) -> int:
        """Where in a file P1 points: a record's first byte, or its number."""
        mode, place = apdu.p2 & 0x07, apdu.p1 - 1
        if mode == RecordMode.BY_IDENTIFIER:
            found = (at for at, record in enumerate(records) if record[0] == apdu.p1)
            place = next(found, -1)
        elif mode not in (RecordMode.PREVIOUS, RecordMode.BY_NUMBER):
            raise Refusal(Sw.WRONG_P1_P2)
        if not 0 <= place < len(records):
            raise Refusal(Sw.RECORD_NOT_FOUND)
        return place

    def check_length(self, old: bytes, new: bytes) -> None:
        """A variable record keeps its length; another one is answered as if the record were not there."""
        if len(new) != len(old):
            raise Refusal(Sw.RECORD_NOT_FOUND)

    def holds_records(self, sfi: int) -> bool:
        """As the hook: logs and files of variable records."""
        return self.directory == PURSE_DF and (
            self._is_log(sfi) or sfi in self.state.records or (sfi == EF1A and self.profile.has_trips)
        )

    def _is_log(self, sfi: int) -> bool:
        return (
            sfi == EF18
            or (sfi == EF1E and self.profile.has_trips)
            or (sfi == EF19 and DEPOSIT in self.purses)
        )


def replaced(records: dict[int, list[bytes]], sfi: int, place: int, record: bytes) -> dict[int, list[bytes]]:
    """All record files with one record of one file replaced."""
    file = records[sfi]
    return records | {sfi: [*file[:place], record, *file[place + 1 :]]}
