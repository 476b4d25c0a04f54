"""Errors of the wire format; the texts are for the log of whoever built the message."""

from __future__ import annotations

from terminals.card.errors import CardError


class WireError(CardError):
    """A message between terminal and centre breaks the format."""


class RecordError(WireError):
    """A tap record breaks a rule: `field` is its name ("" for the record as a whole), `rule` what must hold."""

    def __init__(self, field: str, rule: str) -> None:
        """Name field and rule in one sentence."""
        self.field = field
        self.rule = rule
        super().__init__(f"{field}: {rule}" if field else rule)


class BatchError(WireError):
    """A batch as a whole is refused: `rule` is a stable name, the text says what was found.

    `batch_no`, `records` and `total_fen` are what could be read nonetheless.
    """

    def __init__(
        self, rule: str, detail: str, *, batch_no: str | None = None, records: int = 0, total_fen: int = 0
    ) -> None:
        """Name the rule and what was found."""
        self.rule = rule
        self.batch_no = batch_no
        self.records = records
        self.total_fen = total_fen
        super().__init__(detail)


class SignatureError(WireError):
    """A request's signature does not hold; `code` is a stable reason."""

    def __init__(self, code: str, detail: str) -> None:
        """Name the reason."""
        self.code = code
        super().__init__(detail)


class ContentError(WireError):
    """A compressed body cannot be taken; `code` is `too_large` or `broken`."""

    def __init__(self, code: str, detail: str) -> None:
        """Name the reason."""
        self.code = code
        super().__init__(detail)
