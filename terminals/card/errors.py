"""Errors of the chip side: one tree, so that a terminal program can catch `CardError` and nothing else."""

from __future__ import annotations


class CardError(Exception):
    """Anything that went wrong between this program and a chip."""


class FormatError(CardError):
    """Bytes read from a chip, or values meant for one, do not fit the file's layout."""


class TransportError(CardError):
    """The reader or the line failed; what the chip did with the last command is unknown."""


class AnswerLength(TransportError):
    """A chip said 9000 but its answer is longer or shorter than the standard's; what it did is unknown."""

    def __init__(self, command: str, received: int, expected: int) -> None:
        """Name the command and both lengths in bytes."""
        super().__init__(f"{command} answered {received} bytes instead of {expected}")


class SuiteUnknown(CardError):
    """No cipher suite belongs to a key version and the algorithm byte a chip echoed, or the two disagree."""


class SuiteIncomplete(CardError):
    """The cipher suite is known, but no public standard tells this calculation."""


class ReaderUnavailable(TransportError):
    """No smart card service is running, or it has no reader of the wanted name."""


class NoCard(TransportError):
    """The reader holds no chip."""


class CardRemoved(TransportError):
    """The chip left the field or the slot while a command was under way; its effect is unknown."""


class PersonalisationError(CardError):
    """A chip read back something else than was written, or is not blank."""
