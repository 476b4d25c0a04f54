"""Cards from the printer: a batch goes to the bureau as one enciphered file, its answer comes back line by line.

Ordered are cards that have a record but no chip yet. The file holds what is printed and what belongs on the chip, and no
key: keys are written later, at the counter, by secure messaging. File forms: docs/bureau.md.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Card
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.signing import SignPurpose
from terminals.card.profile import T_UNION
from terminals.errors import BureauBatchExists, BureauCardsWrong, BureauCertificateWrong
from terminals.models import BureauBatch, BureauLine
from terminals.services.cardspec import holder_info, management_info, public_info, reveal_holder

FORMAT: Final = "citizencard-bureau-1"
CARDS_MAX: Final = 1_000
"""Cards in one batch: what a box holds, and personal data of so many people at once at most."""
RSA_BITS_MIN: Final = 2_048


@dataclass(frozen=True, slots=True)
class BureauFile:
    """One file for the bureau: `envelope` is CMS EnvelopedData (RFC 5652, DER), `manifest` the signed note about it."""

    batch: BureauBatch
    envelope: bytes
    manifest: bytes


def order_batch(
    *, card_numbers: Sequence[str], certificate_pem: bytes, actor: str, again: bool = False
) -> BureauFile:
    """Order cards from the bureau and write their file, readable with the certificate's key only. Audited.

    The same cards are the same batch: a second file of it, under the same number, is only written with `again`. Raises
    BureauCertificateWrong, BureauCardsWrong or Conflict (nothing is ordered), BureauBatchExists, KeyServiceUnavailable
    (the batch stands then, and its first file can still be asked for).
    """
    certificate = _usable(certificate_pem)
    batch = _ordered(card_numbers, actor, again)
    lines = batch.lines.select_related("card__product", "card__citizen").order_by("card__pan")
    cards = [line.card for line in lines]
    content = {"format": FORMAT, "batch": batch.number, "cards": [_entry(card, actor) for card in cards]}
    envelope = _sealed(_canonical(content), certificate)
    manifest = _manifest(batch, cards, certificate, envelope)
    with transaction.atomic():
        BureauBatch.objects.filter(pk=batch.pk).update(emissions=F("emissions") + 1)
        record_audit(
            actor=actor,
            action="bureau.file",
            subject=f"bureau-batch:{batch.number}",
            detail={"cards": len(cards), "envelope_sha256": hashlib.sha256(envelope).hexdigest()},
        )
    batch.refresh_from_db()
    return BureauFile(batch, envelope, manifest)


def _usable(pem: bytes) -> x509.Certificate:
    """The bureau's certificate, if personal data can be entrusted to it."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except ValueError as error:
        raise BureauCertificateWrong(reason=_("it is no certificate in PEM form")) from error
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise BureauCertificateWrong(reason=_("it needs an RSA key of 2048 bits or more"))
    if not certificate.not_valid_before_utc <= timezone.now() <= certificate.not_valid_after_utc:
        raise BureauCertificateWrong(reason=_("it is not valid today"))
    return certificate


@transaction.atomic
def _ordered(card_numbers: Sequence[str], actor: str, again: bool) -> BureauBatch:
    """The batch of these cards, found or made."""
    numbers = sorted(set(card_numbers))
    if not 1 <= len(numbers) <= CARDS_MAX:
        raise BureauCardsWrong(card="", reason=_("a batch has 1 to 1000 cards"))
    digest = hashlib.sha256("\n".join(numbers).encode()).digest()
    batch, new = BureauBatch.objects.get_or_create(cards_digest=digest, defaults={"ordered_by": actor})
    if not new:
        if batch.emissions and not again:
            raise BureauBatchExists(number=batch.number)
        return batch
    lines = [BureauLine(batch=batch, card=card) for card in _cards_to_make(numbers)]
    try:
        BureauLine.objects.bulk_create(lines)
    except IntegrityError as error:
        # Somebody ordered one of the cards at the same moment.
        raise Conflict(what=_("one of the cards")) from error
    return batch


def _cards_to_make(numbers: list[str]) -> list[Card]:
    """The records of cards that have no chip yet and are in no other batch."""
    cards = {card.pan: card for card in Card.objects.filter(pan__in=numbers)}
    taken = BureauLine.objects.filter(card__pan__in=numbers).exclude(outcome=BureauLine.Outcome.SPOILED)
    batches = {line.card.pan: line.batch.number for line in taken.select_related("card", "batch")}
    for number in numbers:
        if number not in cards:
            raise BureauCardsWrong(card=number, reason=_("there is no such card"))
        if cards[number].state != Card.State.BLANK:
            raise BureauCardsWrong(card=number, reason=_("it has its chip already"))
        if number in batches:
            reason = _("it is in batch %(batch)s") % {"batch": batches[number]}
            raise BureauCardsWrong(card=number, reason=reason)
    return list(cards.values())


def _entry(card: Card, actor: str) -> dict[str, Any]:
    """What the bureau prints, and what belongs on the chip; the holder's data are revealed to `actor`, audited."""
    holder = reveal_holder(card=card, actor=actor, reason="file for the printing bureau")
    files = {
        "EF15": public_info(card).to_bytes().hex(),
        "EF16": holder_info(card, holder).to_bytes().hex(),
        "EF17": management_info(card).to_bytes().hex(),
    }
    return {
        "card_number": card.pan,
        "template": card.product_id,
        "printed_name": holder.name if holder else "",
        "photo": f"citizen:{card.citizen_id}" if card.citizen_id else "",
        "chip": {"application": T_UNION.aid.hex(), "key_version": card.key_version, "files": files},
    }


def _sealed(content: bytes, certificate: x509.Certificate) -> bytes:
    builder = PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    builder = builder.set_content_encryption_algorithm(AES256)
    return builder.encrypt(Encoding.DER, [PKCS7Options.Binary])


def _manifest(batch: BureauBatch, cards: list[Card], certificate: x509.Certificate, envelope: bytes) -> bytes:
    """What may be read by everyone: how many of what, and a digest, signed so that the bureau knows whose file it is."""
    said = {
        "format": FORMAT,
        "batch": batch.number,
        "emission": batch.emissions + 1,
        "cards": len(cards),
        "templates": Counter(card.product_id for card in cards),
        "recipient_sha256": certificate.fingerprint(SHA256()).hex(),
        "envelope_bytes": len(envelope),
        "envelope_sha256": hashlib.sha256(envelope).hexdigest(),
    }
    service = key_service("counter")
    signature = service.sign(SignPurpose.BUREAU_FILE, _canonical(said))
    signed = {
        "manifest": said,
        "algorithm": "Ed25519",
        "public_key": service.public_key(SignPurpose.BUREAU_FILE).hex(),
        "signature": signature.hex(),
    }
    return json.dumps(signed, indent=1, sort_keys=True).encode() + b"\n"


def _canonical(content: dict[str, Any]) -> bytes:
    """JSON with sorted names, no spaces, ASCII only: one form for one content, to be signed."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
