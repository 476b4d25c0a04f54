"""What can be wrong with readers and their service, finer than `terminals.card.errors` needs to know."""

from __future__ import annotations

from terminals.card.errors import ReaderUnavailable, TransportError


class NoService(ReaderUnavailable):
    """pyscard is missing, or the smart card service does not run, or it stopped while it was used."""


class NoReader(ReaderUnavailable):
    """No reader is connected, or none of the wanted name, or it was unplugged while it was used."""


class AmbiguousReader(ReaderUnavailable):
    """Several readers fit the wanted name; the message names them."""


class ReaderInUse(ReaderUnavailable):
    """Another program, or another user of the same reader, holds it."""


class MuteCard(TransportError):
    """A card is there but does not answer to reset: upside down, broken, or no chip card at all."""
