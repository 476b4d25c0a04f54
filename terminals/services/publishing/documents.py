"""Documents as terminals fetch them: made once for all that ask for the same, however many processes answer.

A terminal that holds the newest version is told so without anything being made. The bytes are kept in the database, where
all processes find them, and in each process's memory; both are bounded, and either may be lost at any time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from citizencard.core.calendar import shanghai
from terminals.models import (
    CentreKey,
    DocumentKind,
    HotListVersion,
    PublishedDocument,
    SignedDocument,
    Terminal,
    TerminalKey,
)
from terminals.selectors.hotlist import packed_difference, packed_list, standing
from terminals.selectors.parameters import parameters
from terminals.selectors.passes import published_passes
from terminals.selectors.tariffs import documents_for, published_tariffs
from terminals.services.publishing.hot_list import publish_hot_list
from terminals.services.publishing.keys import present_key, ride_code_key, signer
from terminals.services.publishing.shelf import Shelf
from terminals.wire.lists import MAX_VERSION, Document, sha256

PAIRS_MAX: Final = 256
"""Different older versions for which a difference to the newest is kept; whoever comes from another one gets the whole list."""
_MAKE_LOCK: Final = 0x446F_6373
"""Advisory lock ("Docs"), with a hash of what is made: each is made by one process while the others wait for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a terminal is to be given: `version` of a document, as the difference from `since` or whole (0).

    `digest` is of what the version says: a database that was restored may give a number to something else.
    """

    kind: str
    subject: str
    since: int
    version: int
    seed: int
    digest: str

    @property
    def etag(self) -> str:
        """Names exactly these bytes."""
        return f'"{self.kind}-{self.subject}-{self.since}-{self.version}-{self.seed}-{self.digest[:16]}"'

    def body(self) -> bytes:
        """The document as it travels. Raises KeyServiceUnavailable."""
        return _SHELF.get(self) or _SHELF.put(self, _made_once(self))

    @property
    def row(self) -> dict[str, Any]:
        """What finds it in the shared cache, which is restored together with what it was made from."""
        return {name: value for name, value in asdict(self).items() if name != "digest"}


_SHELF: Final = Shelf[Answer](32 * 1024 * 1024)


def document_for(*, terminal: Terminal, kind: str, since: int, now: datetime | None = None) -> Answer | None:
    """What brings a terminal that holds version `since` (0: nothing) up to date; None when it is.

    Raises KeyServiceUnavailable, and KeyError for a kind that is none.
    """
    now = now or timezone.now()
    return _FINDERS[DocumentKind(kind)](terminal, min(since, MAX_VERSION), now)


def _hot_list(terminal: Terminal, since: int, now: datetime) -> Answer | None:
    found = standing(since)
    if found.pending:
        publish_hot_list()
        found = standing(since)
    if found.version in (0, since):
        return None
    older = since if found.since_is_older else 0
    return Answer("hot_list", "", older, found.version, present_key(now).seed, found.digest)


def _parameters(terminal: Terminal, since: int, now: datetime) -> Answer | None:
    content = parameters(terminal.kind, shanghai(now).date())
    content["ride_code_keys"] = [ride_code_key(now)[1].hex()]
    return _published(DocumentKind.PARAMETERS, terminal.kind, content, 1, since, now)


def _tariffs(terminal: Terminal, since: int, now: datetime) -> Answer | None:
    code, today = terminal.tariff_code, shanghai(now).date()
    versions = published_tariffs(code=code, today=today)
    content = {"tariffs": versions, "tariff": code, "documents": documents_for(code=code, today=today)}
    return _published(DocumentKind.TARIFFS, terminal.tariff_code, content, len(versions), since, now)


def _passes(terminal: Terminal, since: int, now: datetime) -> Answer | None:
    """Who holds a pass that is good where the terminal stands."""
    channel = terminal.merchant.channel
    content = published_passes(channel, shanghai(now).date())
    count = sum(len(cards) for cards in content["passes"].values())
    return _published(DocumentKind.PASSES, channel, content, count, since, now)


def _next_key(terminal: Terminal, since: int, now: datetime) -> Answer | None:
    """The change that follows the one the terminal knows; where it knows none, the first after it was installed."""
    keys = list(CentreKey.objects.order_by("number"))
    if since == 0 and len(keys) > 1:
        since = _installed_with(terminal, keys)
    following = next((key for key in keys if key.number == since + 1), None)
    if following is None:
        return None
    digest = sha256(bytes(following.document or b""))
    return Answer("next_key", "", 0, following.number, keys[since].seed, digest)


def _installed_with(terminal: Terminal, keys: list[CentreKey]) -> int:
    """The number of the key that signed when the terminal got to know the centre."""
    origins = (TerminalKey.Origin.INSTALLED, TerminalKey.Origin.ENROLLED)
    installed = terminal.keys.filter(origin__in=origins).order_by("-valid_from").first()
    if installed is None:
        return 0
    return max((key.number for key in keys if key.valid_from <= installed.valid_from), default=0)


_FINDERS: Final = {
    DocumentKind.HOT_LIST: _hot_list,
    DocumentKind.PARAMETERS: _parameters,
    DocumentKind.TARIFFS: _tariffs,
    DocumentKind.PASSES: _passes,
    DocumentKind.NEXT_KEY: _next_key,
}


def _published(
    kind: str, subject: str, content: dict[str, Any], count: int, since: int, now: datetime
) -> Answer | None:
    """The version that this content is; a new one when it differs from the newest."""
    body = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(body).digest()
    newest = _newest(kind, subject)
    if newest is None or bytes(newest.digest) != digest:
        newest = _next_version(kind, subject, body, digest, count, now)
    if newest.version == since:
        return None
    return Answer(kind, subject, 0, newest.version, present_key(now).seed, digest.hex())


@transaction.atomic
def _next_version(
    kind: str, subject: str, content: bytes, digest: bytes, count: int, now: datetime
) -> PublishedDocument:
    _lock(f"{kind}/{subject}")
    newest = _newest(kind, subject)
    if newest is not None and bytes(newest.digest) == digest:
        return newest
    return PublishedDocument.objects.create(
        kind=kind,
        subject=subject,
        version=newest.version + 1 if newest else 1,
        content=content,
        digest=digest,
        count=count,
        published_at=now,
    )


def _newest(kind: str, subject: str) -> PublishedDocument | None:
    kept = PublishedDocument.objects.filter(kind=kind, subject=subject).defer("content")
    return kept.order_by("-version").first()


@transaction.atomic
def _made_once(answer: Answer) -> bytes:
    """From the shared cache, or made now. What leads to an older version goes: nobody is given that any more."""
    wanted = SignedDocument.objects.filter(**answer.row)
    if found := wanted.first():
        return bytes(found.body)
    _lock(answer.etag)
    if found := wanted.first():
        return bytes(found.body)
    body = _make(answer).to_bytes()
    others = SignedDocument.objects.filter(kind=answer.kind, subject=answer.subject)
    if answer.kind != DocumentKind.NEXT_KEY:
        others.filter(version__lt=answer.version).delete()
    if others.filter(version=answer.version).count() < PAIRS_MAX:
        SignedDocument.objects.create(**answer.row, body=body)
    return body


def _make(answer: Answer) -> Document:
    if answer.kind == DocumentKind.NEXT_KEY:
        named = CentreKey.objects.get(number=answer.version)
        return Document.from_bytes(bytes(named.document or b""))
    key = signer(CentreKey.objects.get(seed=answer.seed))
    if answer.kind != DocumentKind.HOT_LIST:
        kept = PublishedDocument.objects.get(kind=answer.kind, subject=answer.subject, version=answer.version)
        return key.document(
            kept.kind, kept.version, bytes(kept.content), count=kept.count, issued_at=kept.published_at
        )
    version = HotListVersion.objects.get(pk=answer.version)
    if not answer.since:
        return key.hot_list(version.pk, packed_list(version.pk), issued_at=version.published_at)
    return key.difference(
        answer.since,
        version.pk,
        packed_difference(answer.since, version.pk),
        result=bytes(version.digest).hex(),
        count=version.count,
        issued_at=version.published_at,
    )


def _lock(what: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_MAKE_LOCK, what])
