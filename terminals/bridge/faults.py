"""Errors of the card side as they cross the bridge: by name and sentence, so that both ends raise the same class."""

from __future__ import annotations

from typing import Final

from terminals.card.errors import CardRemoved, NoCard, ReaderUnavailable, TransportError
from terminals.readers.errors import AmbiguousReader, MuteCard, NoReader, NoService, ReaderInUse

_FAULTS: Final[dict[str, type[TransportError]]] = {
    kind.__name__: kind
    for kind in (
        TransportError,
        CardRemoved,
        NoCard,
        MuteCard,
        ReaderUnavailable,
        NoService,
        NoReader,
        AmbiguousReader,
        ReaderInUse,
    )
}


def name_of(error: TransportError) -> str:
    """The name of the error's class, or of the nearest one that crosses the bridge."""
    return next(kind.__name__ for kind in type(error).__mro__ if _FAULTS.get(kind.__name__) is kind)


def fault(name: str, sentence: str) -> TransportError:
    """The error of that name; a plain TransportError when the name is unknown."""
    return _FAULTS.get(name, TransportError)(sentence)
