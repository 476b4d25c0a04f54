"""Published documents: a head that says which version of what holds from when and on which law, and a body by kind.

The JSON is `{"document", "id", "version", "valid_from", "valid_until"?, "name": {language: text}, "legal_basis", "body"}`.
Its canonical bytes are what is signed, kept and compared: UTF-8, keys sorted, no blanks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

from terminals.fares.bodies import Cap, Concession, Incomplete, Subsidy, Transfer
from terminals.fares.errors import DocumentError
from terminals.fares.fields import Fields
from terminals.fares.tariffs import KINDS, TariffRule, read_rule

LANGUAGES: Final = ("zh-Hans", "zh-Hant", "en")
Body = TariffRule | Transfer | Concession | Cap | Incomplete | Subsidy


def _tariff(body: Fields) -> TariffRule:
    kind = body.choice("kind", {kind: kind for kind in KINDS})
    return read_rule(kind, body.object("rule"))


_BODIES: Final[dict[str, Callable[[Fields], Body]]] = {
    "tariff": _tariff,
    "transfer": Transfer.parse,
    "concession": Concession.parse,
    "cap": Cap.parse,
    "incomplete": Incomplete.parse,
    "subsidy": Subsidy.parse,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One version of one rule, in force on both of its dates and every day between. `body` is the rule itself."""

    sort: str
    id: str
    version: int
    valid_from: date
    valid_until: date | None
    name: Mapping[str, str]
    legal_basis: str
    body: Body
    canonical: bytes = field(repr=False)

    @classmethod
    def parse(cls, published: object) -> Self:
        """Raises DocumentError naming the field."""
        head = Fields(published)
        sort = head.choice("document", {sort: sort for sort in _BODIES})
        body = head.object("body")
        document = cls(
            sort=sort,
            id=head.code("id"),
            version=head.whole("version", 1, 1_000_000),
            valid_from=head.date("valid_from"),
            valid_until=head.date("valid_until") if head.has("valid_until") else None,
            name=_names(head.object("name")),
            legal_basis=head.text("legal_basis", 500),
            body=_BODIES[sort](body),
            canonical=canonical_bytes(published),
        )
        body.done()
        head.done()
        if document.valid_until and document.valid_until < document.valid_from:
            raise DocumentError("valid_until", "lies before valid_from")
        return document

    def in_force(self, day: date) -> bool:
        """Whether it holds on a day, another version of it aside."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hexadecimal."""
        return hashlib.sha256(self.canonical).hexdigest()

    def reference(self) -> dict[str, Any]:
        """How a derivation names it."""
        return {
            "document": self.sort,
            "id": self.id,
            "version": self.version,
            "valid_from": self.valid_from.isoformat(),
            "legal_basis": self.legal_basis,
            "sha256": self.digest,
        }


def canonical_bytes(value: object) -> bytes:
    """JSON that is the same for the same content: sorted keys, no blanks, UTF-8. There are no broken numbers in it."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def read_documents(content: bytes) -> list[Any]:
    """The objects of a JSON file, one or a list. Raises ValueError; a key that stands twice is refused, one would go unread."""
    try:
        found = json.loads(content, parse_constant=_no_number, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return found if isinstance(found, list) else [found]


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _names(named: Fields) -> dict[str, str]:
    names = {language: named.text(language) for language in LANGUAGES if named.has(language)}
    named.done()
    if not names:
        raise DocumentError("name", f"is in none of {', '.join(LANGUAGES)}")
    return names
