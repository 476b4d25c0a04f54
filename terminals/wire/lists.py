"""What the centre publishes for terminals, signed so that a copy can be trusted without a line.

A document is three parts: a statement (one line of JSON), its Ed25519 signature (one line of 128 hex digits), and the content.
The statement has exactly these fields, in this order and without spaces:

* `kind`: `hot_list`, `parameters`, `tariffs`, `next_key` or `time`; a document of one kind is never taken for another.
* `version`: grows with every change, per kind. `previous`: the version a difference starts from; 0 for a whole document.
* `issued_at`: ISO 8601 in UTC, whole seconds. `count`: entries of the result (cards, tariffs, keys).
* `digest`: SHA-256 of the content, in hex. `result`: SHA-256 of the whole document this version is; equal to `digest` but for
  a difference. So a terminal that has applied a difference knows that it holds just what the centre holds.
* `key_id`: the first 16 hex digits of the SHA-256 of the signing public key.

Signed is the text `citizencard document 1`, a line feed, and the statement without its line feed. Only a hot list (`packed`)
comes as a difference. Kept on a disk, a list that was made by differences stands behind the last statement, which has its digest.

Time: `GET /api/v1/time/<nonce>` answers a document of kind `time`, version 1, content `{"nonce": hex, "at": ISO 8601}`. The
nonce is the terminal's (32 hex digits), so that nobody can play an old time to it.

Keys: a terminal is installed with the centre's public key. A `next_key` document, signed with a key trusted already, names the
one that follows: `{"public_key": hex, "valid_from": time, "present_until": time}`. Between the two times both are good.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from terminals.wire.errors import WireError
from terminals.wire.packed import PackedCards, PackedError

KINDS: Final = ("hot_list", "parameters", "tariffs", "passes", "next_key", "time")
MEDIA_TYPE: Final = "application/vnd.citizencard.document"
MAX_VERSION: Final = (1 << 53) - 1
FUTURE: Final = timedelta(minutes=10)
"""A document issued later than this from now: the terminal's clock is wrong, or somebody plays with time."""
_CONTEXT: Final = b"citizencard document 1\n"
_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(rb"[0-9a-f]{128}")


class ListError(WireError):
    """A document is not taken; `rule` is a stable name. What the terminal held before stays."""

    def __init__(self, rule: str, detail: str) -> None:
        """Name the rule and what was found."""
        self.rule = rule
        super().__init__(f"{detail} ({rule})")


@dataclass(frozen=True, slots=True)
class Statement:
    """What is signed; the fields as the module says."""

    kind: str
    version: int
    previous: int
    issued_at: datetime
    count: int
    digest: str
    result: str
    key_id: str

    def to_bytes(self) -> bytes:
        """The canonical line, without its line feed."""
        content = {name: getattr(self, name) for name in _FIELDS}
        content["issued_at"] = self.issued_at.astimezone(UTC).isoformat(timespec="seconds")
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, line: bytes) -> Self:
        """Read strictly; ListError `format` when the line is not what `to_bytes` writes."""
        try:
            content = json.loads(line)
            statement = cls(**{**content, "issued_at": datetime.fromisoformat(content["issued_at"])})
            numbers = (statement.version, statement.previous, statement.count)
            good = statement.kind in KINDS and all(type(n) is int and 0 <= n <= MAX_VERSION for n in numbers)
            digests = (statement.digest, statement.result)
            good = good and all(isinstance(item, str) and _HEX_64.fullmatch(item) for item in digests)
            good = good and statement.to_bytes() == line
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ListError("format", "the statement is not readable") from error
        if not good:
            raise ListError("format", "the statement is not in its canonical form")
        return statement


_FIELDS: Final = tuple(Statement.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Document:
    """A statement, its signature, and the content it speaks of."""

    statement: Statement
    signature: bytes
    content: bytes

    def to_bytes(self) -> bytes:
        """As it travels."""
        return b"\n".join([self.statement.to_bytes(), self.signature.hex().encode(), self.content])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Split; nothing is verified yet. ListError `format`."""
        line, _, rest = data.partition(b"\n")
        signature, _, content = rest.partition(b"\n")
        if not _SIGNATURE.fullmatch(signature):
            raise ListError("format", "the second line is not a signature")
        return cls(Statement.from_bytes(line), bytes.fromhex(signature.decode()), content)


@dataclass(frozen=True, slots=True)
class Signer:
    """The centre's key: its raw public half (32 bytes), and what makes a signature with the private one."""

    public_key: bytes
    sign: Callable[[bytes], bytes]

    def document(
        self, kind: str, version: int, content: bytes, *, count: int, issued_at: datetime
    ) -> Document:
        """A whole document."""
        return self._signed(kind, version, 0, content, sha256(content), count, issued_at)

    def hot_list(self, version: int, cards: PackedCards, *, issued_at: datetime) -> Document:
        """The whole hot list."""
        return self.document("hot_list", version, cards.to_bytes(), count=len(cards), issued_at=issued_at)

    def hot_list_change(
        self, previous: int, old: PackedCards, version: int, new: PackedCards, *, issued_at: datetime
    ) -> Document:
        """The difference from an older version."""
        content, result = old.difference(new), sha256(new.to_bytes())
        return self.difference(previous, version, content, result=result, count=len(new), issued_at=issued_at)

    def difference(
        self, previous: int, version: int, content: bytes, *, result: str, count: int, issued_at: datetime
    ) -> Document:
        """A hot list's difference that is made already: `result` and `count` are of the list it leads to."""
        return self._signed("hot_list", version, previous, content, result, count, issued_at)

    def next_key(
        self,
        version: int,
        public_key: bytes,
        *,
        valid_from: datetime,
        present_until: datetime,
        issued_at: datetime,
    ) -> Document:
        """The key that follows this one."""
        named = {"public_key": public_key.hex(), "valid_from": valid_from, "present_until": present_until}
        content = json.dumps(named, default=_utc, separators=(",", ":")).encode()
        return self.document("next_key", version, content, count=1, issued_at=issued_at)

    def _signed(
        self,
        kind: str,
        version: int,
        previous: int,
        content: bytes,
        result: str,
        count: int,
        issued_at: datetime,
    ) -> Document:
        issued_at = issued_at.astimezone(UTC).replace(microsecond=0)
        statement = Statement(
            kind, version, previous, issued_at, count, sha256(content), result, key_id(self.public_key)
        )
        return Document(statement, self.sign(_CONTEXT + statement.to_bytes()), content)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key (raw, 32 bytes) of the centre and the time it is good for."""

    public_key: bytes
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def is_valid(self, when: datetime) -> bool:
        """Whether what is signed with it counts at a moment."""
        begun = self.valid_from is None or self.valid_from <= when
        return begun and (self.valid_until is None or when <= self.valid_until)


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys a terminal believes, oldest first, and how often they have changed."""

    keys: tuple[TrustedKey, ...]
    version: int = 0

    @classmethod
    def installed(cls, public_key: bytes) -> Self:
        """With the key put in at installation."""
        return cls((TrustedKey(public_key),))

    def verify(self, document: Document, now: datetime) -> None:
        """That a trusted key signed the statement, and it is of no later time. ListError `key`, `signature`, `future`.

        The content is not looked at: which digest it must have depends on where it comes from.
        """
        statement = document.statement
        known = [key for key in self.keys if key_id(key.public_key) == statement.key_id and key.is_valid(now)]
        if not known:
            raise ListError("key", "signed with a key that is not trusted now")
        try:
            public_key = Ed25519PublicKey.from_public_bytes(known[-1].public_key)
            public_key.verify(document.signature, _CONTEXT + statement.to_bytes())
        except InvalidSignature as error:
            raise ListError("signature", "the signature does not verify") from error
        if statement.issued_at > now + FUTURE:
            raise ListError("future", "issued later than this clock shows")

    def rotated(self, document: Document, now: datetime) -> Trust:
        """With the key a `next_key` document names. ListError also `kind`, `digest`, `format`, `rollback`."""
        self.verify(document, now)
        content = whole(document, "next_key")
        if document.statement.version <= self.version:
            raise ListError("rollback", "this change of key is an old one")
        try:
            named = json.loads(content)
            public_key = bytes.fromhex(named["public_key"])
            times = [datetime.fromisoformat(named[name]) for name in ("valid_from", "present_until")]
        except (ValueError, TypeError, KeyError) as error:
            raise ListError("format", "the next key is not readable") from error
        if len(public_key) != 32 or any(when.tzinfo is None for when in times):
            raise ListError("format", "a key has 32 bytes and its times an offset")
        present = [replace(key, valid_until=min(key.valid_until or times[1], times[1])) for key in self.keys]
        return Trust((*present, TrustedKey(public_key, times[0])), document.statement.version)


def whole(document: Document, kind: str) -> bytes:
    """The content of a whole document, checked against its digest. ListError `kind`, `digest`."""
    statement = document.statement
    if statement.kind != kind:
        raise ListError("kind", f"a document of kind {statement.kind} came for {kind}")
    if statement.result != sha256(document.content):
        raise ListError("digest", "the content is not the one that was signed for")
    return document.content


def updated(held: Document | None, offered: Document, kind: str) -> Document:
    """What to hold after an offer, both verified already; for a difference, the list it makes, under its statement.

    ListError `kind`; `rollback` when it is older than what is held, or another one of the same version; `previous` when a
    difference starts from another version; `digest` when content or result is not the one signed for; `count`.
    """
    statement = offered.statement
    if statement.kind != kind:
        raise ListError("kind", f"a document of kind {statement.kind} came for {kind}")
    if sha256(offered.content) != statement.digest:
        raise ListError("digest", "the content is not the one that was signed for")
    if held is not None and statement.version <= held.statement.version:
        if statement.result == held.statement.result and statement.version == held.statement.version:
            return held
        raise ListError("rollback", "this version is not newer than the one held")
    if statement.previous:
        if held is None or held.statement.version != statement.previous:
            raise ListError("previous", f"a difference from version {statement.previous}, which is not held")
        offered = replace(offered, content=_applied(held.content, offered.content))
    whole(offered, kind)
    _check_count(offered)
    return offered


def sha256(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()


def key_id(public_key: bytes) -> str:
    """The short name of a raw public key."""
    return sha256(public_key)[:16]


def _applied(held: bytes, difference: bytes) -> bytes:
    try:
        return PackedCards.from_bytes(held).apply(difference).to_bytes()
    except PackedError as error:
        raise ListError("digest", str(error)) from error


def _check_count(document: Document) -> None:
    if document.statement.kind == "hot_list":
        try:
            count = len(PackedCards.from_bytes(document.content))
        except PackedError as error:
            raise ListError("format", str(error)) from error
        if count != document.statement.count:
            raise ListError("count", f"{count} cards where the statement says {document.statement.count}")


def _utc(value: Any) -> str:
    return str(value.astimezone(UTC).isoformat(timespec="seconds"))
