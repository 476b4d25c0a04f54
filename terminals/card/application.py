"""Finding the purse application of a card, and its files wherever they stand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from terminals.card import commands
from terminals.card.apdu import ApduError, Command
from terminals.card.commands import DEPOSIT, PURSE, BalancePart
from terminals.card.errors import CardError, FormatError
from terminals.card.families import UNLISTED, CardFamily
from terminals.card.files import Fci
from terminals.card.places import INFO, Place, Source
from terminals.card.reading import Answer, CardReader
from terminals.card.status import StatusWord

FILE_IDS: Final = (0x1001, 0xDF01, 0x3F01)
"""Where purse applications stand on cards that are not selected by name."""

P = TypeVar("P", bound=Place)
V = TypeVar("V")


class Application:
    """A purse application found on a card. Files are read once; those of other directories after leaving this one."""

    def __init__(self, reader: CardReader, command: Command, answer: Answer, family: CardFamily) -> None:
        """`command` is the SELECT that found it, just answered with `answer`."""
        self.reader = reader
        self.family = family
        self.blocked = answer.sw == StatusWord.APPLICATION_BLOCKED
        self.fci = _fci(answer.data)
        self._command = self._at = command
        self._contents: dict[Source, bytes | ApduError] = {}

    def content(self, source: Source) -> bytes:
        """A file's content; ApduError when the card has none or keeps it to itself."""
        if source not in self._contents:
            self._enter(source.directory)
            try:
                self._contents[source] = self.reader.binary(source.sfi, *source.lengths)
            except ApduError as refusal:
                self._contents[source] = refusal
        content = self._contents[source]
        if isinstance(content, ApduError):
            raise content
        return content

    def contents(self, source: Source) -> Iterator[bytes]:
        """The file's content in every way the card offers it; EF15 stands in the answer to SELECT too."""
        if source == INFO and self.fci.issuer_data:
            yield self.fci.issuer_data
        with contextlib.suppress(ApduError):
            yield self.content(source)

    def first(self, places: Iterable[P], take: Callable[[P, bytes], V | None]) -> V | None:
        """What `take` makes of the first place that the card has and fills; None when there is none."""
        for place in places:
            for content in self.contents(place.source):
                with contextlib.suppress(FormatError):
                    if (value := take(place, content)) is not None:
                        return value
        return None

    def enter_money(self) -> None:
        """Select the application that holds balance and log: another one in some families."""
        name = self.family.money_name
        self._select(self._command if name is None else commands.select_name(name))

    def _enter(self, directory: int | None) -> None:
        self._select(self._command if directory is None else commands.select_file(directory))

    def _select(self, command: Command) -> None:
        """Go to a directory; where a card refuses, the reads that follow will tell."""
        if command != self._at:
            self._at = command
            with contextlib.suppress(ApduError):
                self.reader.select(command)


def find_application(reader: CardReader, families: Sequence[CardFamily]) -> Application:
    """The first application of a known family; CardError when there is none."""
    for application in _candidates(reader, families):
        if application.family is not UNLISTED or _has_purse(reader):
            application.family = _of_city(application, families) or application.family
            return application
    raise CardError("the card holds no supported purse application")


def _candidates(reader: CardReader, families: Sequence[CardFamily]) -> Iterator[Application]:
    """What can be selected by the families' names, then by the usual file identifiers."""
    by_name = [family for family in families if family.mark is None and not family.by_file_id]
    tries = [(commands.select_name(name), family) for family in by_name for name in family.names]
    tries += [(commands.select_file(file_id), UNLISTED) for file_id in FILE_IDS]
    for command, family in tries:
        try:
            answer = reader.select(command)
        except ApduError:
            continue
        yield Application(reader, command, answer, _named(_fci(answer.data).name, families) or family)


def _named(name: bytes, families: Sequence[CardFamily]) -> CardFamily | None:
    """The family an application tells by its own name, whatever it was selected by."""
    unmarked = (family for family in families if family.mark is None)
    return next((family for family in unmarked if name.startswith(family.names)), None)


def _of_city(application: Application, families: Sequence[CardFamily]) -> CardFamily | None:
    """The city whose application has this name and whose mark the card bears."""
    for family in families:
        if family.mark is None:
            continue
        place, mark = family.mark
        same_name = family.names == application.family.names or application.fci.name.startswith(family.names)
        if same_name and application.first((place,), Place.take) == mark:
            return family
    return None


def _has_purse(reader: CardReader) -> bool:
    for purse in (PURSE, DEPOSIT):
        with contextlib.suppress(ApduError, FormatError):
            reader.balance(BalancePart.STORED, purse)
            return True
    return False


def _fci(data: bytes) -> Fci:
    """What SELECT answered; a chip that answers nothing readable has no name."""
    try:
        return Fci.parse(data)
    except FormatError:
        return Fci(b"")
