"""Directories and transparent files of a simulated chip."""

from __future__ import annotations

from typing import ClassVar, Final

from terminals.card.apdu import Command
from terminals.card.files import CHIP_SERIAL_EF, MASTER_FILE, Fci
from terminals.card.status import StatusWord as Sw
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.engine import S
from terminals.simulator.secure import SecureEngine
from terminals.simulator.state import Phase

PURSE_ALIASES: Final = (0x3F01, 0xDF01, 0x1001)
"""File identifiers of the purse directory, which differ from one card system to the next: all of them lead there."""


class FileEngine(SecureEngine[S]):
    """SELECT, READ BINARY and UPDATE BINARY over a declared tree."""

    TREE: ClassVar[dict[int, dict[int, int]]]
    """Directory file id -> short file id -> length in bytes."""
    ALIASES: ClassVar[dict[int, int]] = {}
    """Other file identifiers under which terminals look for a directory of the tree."""

    def drop_volatile(self) -> None:
        """Back to the MF, without rights."""
        self.directory = MASTER_FILE
        self.authenticated = False
        """Whether the issuer has proved itself by EXTERNAL AUTHENTICATE."""
        self.drop_pending()

    @command(0x00, 0xA4)
    def select(self, apdu: Command) -> bytes:
        """SELECT a directory by identifier (P1 00) or name (P1 04)."""
        directory = int.from_bytes(apdu.data) if apdu.p1 == 0x00 else self.directory_named(apdu)
        directory = self.ALIASES.get(directory, directory)
        if directory not in self.TREE:
            raise Refusal(Sw.FILE_NOT_FOUND)
        self.drop_volatile()
        self.directory = directory
        fci = self.fci(directory).to_bytes()
        if directory != MASTER_FILE and self.state.phase in (Phase.BLOCKED, Phase.LOCKED):
            raise Refusal(Sw.APPLICATION_BLOCKED, fci)
        return fci

    def directory_named(self, apdu: Command) -> int:
        """The directory of an application name."""
        if apdu.p1 != 0x04:
            raise Refusal(Sw.WRONG_P1_P2)
        names = {self.fci(directory).name: directory for directory in self.TREE}
        return names.get(apdu.data, 0) if apdu.data else 0

    def fci(self, directory: int) -> Fci:
        """What SELECT answers."""
        raise NotImplementedError

    @command(0x00, 0xB0, secured=True)
    def read_binary(self, apdu: Command) -> bytes:
        """READ BINARY by short file identifier, plain or with MAC."""
        sfi, length = self._located(apdu)
        self.check_read(sfi)
        content = self.content(sfi).ljust(length, b"\x00")[apdu.p2 :]
        if apdu.le and apdu.le > len(content):
            raise Refusal(0x6C00 | len(content))
        return content[: apdu.le or None]

    @command(0x00, 0xD6, secured=True)
    def update_binary(self, apdu: Command) -> bytes:
        """UPDATE BINARY with MAC, or plain after EXTERNAL AUTHENTICATE."""
        self.check_writer()
        sfi, length = self._located(apdu)
        if apdu.p2 + len(apdu.data) > length:
            raise Refusal(Sw.WRONG_LENGTH)
        self.check_update(sfi)
        old = self.content(sfi).ljust(length, b"\x00")
        self.write_file(sfi, old[: apdu.p2] + apdu.data + old[apdu.p2 + len(apdu.data) :])
        return b""

    def _located(self, apdu: Command) -> tuple[int, int]:
        if not apdu.p1 & 0x80:
            raise Refusal(Sw.WRONG_P1_P2)
        sfi = apdu.p1 & 0x1F
        if self.holds_records(sfi):
            raise Refusal(Sw.WRONG_FILE_TYPE)
        length = self.TREE[self.directory].get(sfi)
        if length is None:
            raise Refusal(Sw.FILE_NOT_FOUND)
        if apdu.p2 >= length:
            raise Refusal(Sw.WRONG_OFFSET)
        return sfi, length

    def content(self, sfi: int) -> bytes:
        """A file's content; empty when never written."""
        return self.state.chip_serial if sfi == CHIP_SERIAL_EF else self.state.files.get(sfi, b"")

    def holds_records(self, sfi: int) -> bool:
        """Hook: whether a file of the selected directory is one of records."""
        del sfi
        return False

    def check_writer(self) -> None:
        """Only who proves a key writes: by the command's MAC, or by EXTERNAL AUTHENTICATE before."""
        if not (self.secured or self.authenticated):
            raise Refusal(Sw.SECURITY_NOT_SATISFIED)

    def check_read(self, sfi: int) -> None:
        """Hook: refuse a read."""

    def check_update(self, sfi: int) -> None:
        """Refuse writing what is fixed."""
        if sfi == CHIP_SERIAL_EF:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)

    def write_file(self, sfi: int, content: bytes) -> None:
        """Keep a file's new content."""
        self.commit(files=self.state.files | {sfi: content})
