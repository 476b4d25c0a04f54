"""The centre's document keys: which one signs now, and how the next one is named. Private halves stay in the key service."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.signing import SignPurpose
from terminals.models import CentreKey
from terminals.wire.lists import Signer

_KEYS_LOCK: Final = 0x4365_6E4B
"""Advisory lock ("CenK"): keys are named one after another."""
FOUNDER: Final = "city"


def present_key(now: datetime) -> CentreKey:
    """The key that signs now. The first one is taken from the key service when something is first to be signed."""
    key = CentreKey.objects.filter(valid_from__lte=now).order_by("-number").first()
    return key or _first_key()


def signer(key: CentreKey) -> Signer:
    """What signs documents with this key; each signature is a call of the key service."""
    return Signer(bytes(key.public_key), lambda data: _sign(SignPurpose.DOCUMENT, data, key.seed))


def ride_code_key(now: datetime) -> tuple[int, bytes]:
    """The seed and the raw public key that ride codes are signed with now; changes together with the document key."""
    seed = present_key(now).seed
    return seed, key_service().public_key(SignPurpose.RIDE_CODE, version=seed)


@transaction.atomic
def name_next_key(
    *, seed: int, valid_from: datetime, present_until: datetime, actor: str, now: datetime | None = None
) -> CentreKey:
    """Sign, with the newest key, the document that names the key of another seed; both count in between. Audited.

    Naming the same again changes nothing. Raises InvalidField; Conflict when the seed is named with other times;
    KeyServiceError when the key service does not hold the seed, or will not sign.
    """
    now = now or timezone.now()
    before = present_key(now)
    _lock()
    before = CentreKey.objects.order_by("-number").first() or before
    if known := CentreKey.objects.filter(seed=seed).first():
        if (known.valid_from, known.present_until) != (valid_from, present_until):
            raise Conflict(what=_("seed %(seed)s") % {"seed": seed})
        return known
    if not max(now, before.valid_from) <= valid_from <= present_until:
        raise InvalidField(
            "valid_from", _("a next key begins in future, and the present one ends after that")
        )
    public_key = key_service().public_key(SignPurpose.DOCUMENT, version=seed)
    worker = Signer(
        bytes(before.public_key), lambda data: _sign(SignPurpose.KEY_CHANGE, data, before.seed, role="worker")
    )
    number = before.number + 1
    document = worker.next_key(
        number, public_key, valid_from=valid_from, present_until=present_until, issued_at=now
    )
    key = CentreKey.objects.create(
        number=number,
        seed=seed,
        public_key=public_key,
        valid_from=valid_from,
        present_until=present_until,
        named_by=actor,
        document=document.to_bytes(),
    )
    detail = {"number": number, "seed": seed, "valid_from": valid_from, "public_key": public_key.hex()}
    record_audit(actor=actor, action="centre_key.name", subject=f"centre_key:{number}", detail=detail)
    return key


@transaction.atomic
def _first_key() -> CentreKey:
    _lock()
    if known := CentreKey.objects.order_by("number").first():
        return known
    seeds = sorted({key.version for key in key_service().status().keys if key.usage == "SIGN"})
    for seed in reversed(seeds):
        try:
            public_key = key_service().public_key(SignPurpose.DOCUMENT, version=seed)
        except KeyServiceError:  # held, but not active
            continue
        # Since ever: whatever a terminal has, it was signed with this one.
        since = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        return CentreKey.objects.create(
            number=0, seed=seed, public_key=public_key, valid_from=since, named_by=FOUNDER
        )
    raise InvalidField("seed", _("the key service holds no key to sign documents with"))


def _sign(purpose: SignPurpose, data: bytes, seed: int, role: str | None = None) -> bytes:
    return key_service(role).sign(purpose, data, version=seed)


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_KEYS_LOCK])
