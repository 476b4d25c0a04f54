"""Identity checks: a hospital or library asks a card who it is, by a challenge that one card answers once.

The card's answer proves that a genuine card of ours is there. It does not prove who holds it: where that matters, look
at the face or ask for the PIN.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Card, Citizen
from citizencard.core.audit import record_audit
from citizencard.core.keyservice.client import key_service
from terminals.card import identity
from terminals.card.eid import CHALLENGE_BYTES, EidSession, IdentityProof
from terminals.card.errors import FormatError
from terminals.card.identity import CardCertificate, verify_identity
from terminals.card.transport import Transport
from terminals.errors import ChallengeUsed, IdentityRefused, WrongCardOnReader
from terminals.models import CardCertificate as CertificateRecord
from terminals.models import HotListEntry, IdentityCheck

CHALLENGE_LIFE: Final = timedelta(minutes=2)
"""Long enough for a card on a slow line, too short to prepare answers."""
Outcome = IdentityCheck.Outcome
_REFUSALS: Final[dict[type[Exception], IdentityCheck.Outcome]] = {
    FormatError: Outcome.MALFORMED,
    identity.WrongIssuer: Outcome.WRONG_ISSUER,
    identity.CertificateNotValid: Outcome.NOT_VALID,
    identity.WrongCard: Outcome.WRONG_CARD,
    identity.WrongSignature: Outcome.WRONG_SIGNATURE,
}
_GENUINE: Final = frozenset({Outcome.IDENTIFIED, Outcome.CARD_NOT_ACTIVE, Outcome.HOT_LISTED})
"""It is the card; what the card may still do is another matter."""


@dataclass(frozen=True, slots=True)
class IdentifiedCard:
    """A card that proved itself, and whose it is; None for an anonymous card."""

    card: Card
    citizen: Citizen | None


def record_certificate(*, card: Card, der: bytes) -> CertificateRecord:
    """Remember the certificate a card was found to carry; again is the same record. FormatError when it is none."""
    number = f"{CardCertificate.parse(der).number:X}"
    record, _ = CertificateRecord.objects.get_or_create(number=number, defaults={"card": card, "der": der})
    return record


def ask_identity(*, asked_by: str, purpose: str) -> bytes:
    """A fresh challenge (32 bytes) for one answer within two minutes. `asked_by` names the asking party."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    IdentityCheck.objects.create(
        challenge=challenge, asked_by=asked_by, purpose=purpose, asked_at=timezone.now()
    )
    return challenge


def answer_identity(*, challenge: bytes, proof: IdentityProof) -> IdentifiedCard:
    """Judge a card's answer; every outcome is audited, and the challenge is spent whatever it is.

    Raises ChallengeUsed, IdentityRefused, KeyServiceUnavailable (the challenge stays good then).
    """
    check = _answered(challenge, proof, expired_too=False)
    if check.card is None or check.outcome != Outcome.IDENTIFIED:
        raise _refusal(check)
    return IdentifiedCard(check.card, check.card.citizen)


def prove_card(*, card: Card, transport: Transport, asked_by: str, purpose: str) -> None:
    """The chip on the reader proves that it is `card`'s, whatever may be done with the card: lost, blocked or expired.

    Audited as every check. Raises IdentityRefused, WrongCardOnReader, KeyServiceUnavailable, CardError, TransportError.
    """
    challenge = ask_identity(asked_by=asked_by, purpose=purpose)
    proof = EidSession(transport).prove(challenge)
    check = _answered(challenge, proof, expired_too=True)
    if check.card is None or check.outcome not in _GENUINE:
        raise _refusal(check)
    if check.card != card:
        raise WrongCardOnReader(expected=card.pan, found=check.card.pan)


def _answered(challenge: bytes, proof: IdentityProof, *, expired_too: bool) -> IdentityCheck:
    """The check, judged and audited."""
    authorities = key_service().card_ca_certificates()
    with transaction.atomic():
        check = _claim(challenge)
        check.outcome, check.card = _judge(proof, challenge, authorities, expired_too=expired_too)
        check.save(update_fields=["outcome", "card"])
        record_audit(
            actor=check.asked_by,
            action="identity.check",
            subject=f"card:{check.card.pan}" if check.card else "card:unknown",
            detail={"purpose": check.purpose, "outcome": check.outcome, "check": check.pk},
        )
    return check


def _refusal(check: IdentityCheck) -> IdentityRefused:
    return IdentityRefused(outcome=str(check.outcome), reason=Outcome(check.outcome).label)


def _claim(challenge: bytes) -> IdentityCheck:
    """Take the challenge out of use: of two answers at once, one finds it spent."""
    now = timezone.now()
    fresh = IdentityCheck.objects.filter(
        challenge=challenge, answered_at=None, asked_at__gt=now - CHALLENGE_LIFE
    )
    if not fresh.update(answered_at=now):
        raise ChallengeUsed
    return IdentityCheck.objects.get(challenge=challenge)


def _judge(
    proof: IdentityProof, challenge: bytes, authorities: list[bytes], *, expired_too: bool
) -> tuple[IdentityCheck.Outcome, Card | None]:
    """What comes of the answer, and which card it names (once that is certain enough to write it down)."""
    try:
        certificate = CardCertificate.parse(proof.certificate)
        certificate.verify_issuer(authorities)
    except (FormatError, identity.IdentityError) as error:
        return _REFUSALS[type(error)], None
    record = _newest_record(certificate, proof.certificate)
    if record is None:
        return Outcome.UNKNOWN_CERTIFICATE, None
    card, now = record.card, timezone.now()
    try:
        verify_identity(
            ca_certificates=authorities,
            certificate=proof.certificate,
            challenge=challenge,
            signature=proof.signature,
            at=min(now, certificate.last) if expired_too else now,
            card_serial8=card.serial,
        )
    except identity.IdentityError as error:
        return _REFUSALS[type(error)], card
    return _standing(card), card


def _newest_record(certificate: CardCertificate, der: bytes) -> CertificateRecord | None:
    """The record of the certificate, if it is the newest of its card: a newer one takes its place."""
    record = (
        CertificateRecord.objects.select_related("card__citizen")
        .filter(number=f"{certificate.number:X}")
        .first()
    )
    if record is None or bytes(record.der) != der:
        return None
    newest = record.card.certificates.order_by("-pk").first()
    return record if newest == record else None


def _standing(card: Card) -> IdentityCheck.Outcome:
    if HotListEntry.objects.filter(pan=card.pan, removed_at=None).exists():
        return Outcome.HOT_LISTED
    return Outcome.IDENTIFIED if card.state == Card.State.ACTIVE else Outcome.CARD_NOT_ACTIVE
