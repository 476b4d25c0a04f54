"""Identity checks as a hospital makes them: a challenge, a card's answer, a verdict that is written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.utils import timezone

from accounts.models import Card
from accounts.services.cards import close_card, order_card
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from terminals.card.eid import EidSession, IdentityProof
from terminals.card.identity import CardCertificate
from terminals.errors import ChallengeUsed, IdentityRefused, WrongCardOnReader
from terminals.models import CardCertificate as CertificateRecord
from terminals.models import IdentityCheck
from terminals.readers.memory import MemoryTransport
from terminals.services.counter import personalise_card
from terminals.services.hotlist import report_loss
from terminals.services.identity import (
    CHALLENGE_LIFE,
    answer_identity,
    ask_identity,
    prove_card,
    record_certificate,
)
from terminals.simulator.chip import Chip
from tests.factories import CLERK, NOON, make_product
from tests.terminals.cards import CARD_CA
from tests.terminals.chips import PIN, blank_chip, issued_card

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]

HOSPITAL = "first-hospital"


def ask() -> bytes:
    return ask_identity(asked_by=HOSPITAL, purpose="registration")


def prove(chip: Chip, challenge: bytes) -> IdentityProof:
    return EidSession(MemoryTransport(chip)).prove(challenge)


def refusal(challenge: bytes, proof: IdentityProof) -> str:
    """The outcome a refused answer is given, which must stand in the check and in the audit trail as well."""
    with pytest.raises(IdentityRefused) as caught:
        answer_identity(challenge=challenge, proof=proof)
    outcome: str = caught.value.data["outcome"]
    assert IdentityCheck.objects.get(challenge=challenge).outcome == outcome
    entry = AuditEntry.objects.filter(action="identity.check").latest("pk")
    assert (entry.actor, entry.detail["outcome"]) == (HOSPITAL, outcome)
    with pytest.raises(ChallengeUsed):
        answer_identity(challenge=challenge, proof=proof)
    return outcome


def test_a_card_in_use_is_identified_with_its_holder(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys, real_name=True)
    challenge = ask()
    found = answer_identity(challenge=challenge, proof=prove(chip, challenge))
    assert (found.card, found.citizen) == (card, card.citizen)
    entry = AuditEntry.objects.filter(action="identity.check").latest("pk")
    assert (entry.subject, entry.detail["outcome"]) == (f"card:{card.pan}", "identified")


def test_an_anonymous_card_is_somebody_s(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    challenge = ask()
    found = answer_identity(challenge=challenge, proof=prove(chip, challenge))
    assert (found.card, found.citizen) == (card, None)


def test_an_answer_counts_once(demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    challenge = ask()
    proof = prove(chip, challenge)
    answer_identity(challenge=challenge, proof=proof)
    with pytest.raises(ChallengeUsed):
        answer_identity(challenge=challenge, proof=proof)


def test_a_challenge_of_one_s_own_making_counts_nothing(demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    with pytest.raises(ChallengeUsed):
        answer_identity(challenge=bytes(32), proof=prove(chip, bytes(32)))


def test_a_challenge_grows_old(demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    challenge = ask()
    IdentityCheck.objects.update(asked_at=timezone.now() - CHALLENGE_LIFE - timedelta(seconds=1))
    with pytest.raises(ChallengeUsed):
        answer_identity(challenge=challenge, proof=prove(chip, challenge))


def test_challenges_are_all_different() -> None:
    assert len({ask() for _ in range(100)}) == 100


def test_a_clone_with_a_copied_certificate_is_refused(demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    _, clone = issued_card(demo_keys)
    clone.commit(identity_certificate=chip.state.identity_certificate)
    challenge = ask()
    assert refusal(challenge, prove(clone, challenge)) == "wrong_signature"


def test_an_answer_to_another_question_is_refused(demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    assert refusal(ask(), prove(chip, ask())) == "wrong_signature"


def test_a_certificate_of_another_ca_is_refused(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    point = CardCertificate.parse(chip.state.identity_certificate).point
    forged = CARD_CA.issue(card.serial, point, card.valid_from, card.valid_to)
    record_certificate(card=card, der=forged)
    challenge = ask()
    assert refusal(challenge, replace(prove(chip, challenge), certificate=forged)) == "wrong_issuer"


def test_a_certificate_nobody_recorded_is_refused(demo_keys: KeyStore) -> None:
    """Somebody at the counter had a certificate made for a key of his own, and no card was made with it."""
    _, chip = issued_card(demo_keys)
    CertificateRecord.objects.all().delete()
    challenge = ask()
    assert refusal(challenge, prove(chip, challenge)) == "unknown_certificate"


def test_a_card_s_newer_certificate_ends_the_one_before(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    point = CardCertificate.parse(chip.state.identity_certificate).point
    newer = key_service("counter").issue_card_certificate(
        card_serial8=card.serial, public_key=point, valid_from=card.valid_from, valid_to=card.valid_to
    )
    record_certificate(card=card, der=newer)
    challenge = ask()
    assert refusal(challenge, prove(chip, challenge)) == "unknown_certificate"
    challenge = ask()
    answer_identity(challenge=challenge, proof=replace(prove(chip, challenge), certificate=newer))


@pytest.mark.parametrize(
    ("valid_from", "valid_to"), [(date(2015, 1, 1), date(2020, 1, 1)), (date(2090, 1, 1), date(2095, 1, 1))]
)
def test_a_certificate_outside_its_days_is_refused(
    demo_keys: KeyStore, valid_from: date, valid_to: date
) -> None:
    card, chip = issued_card(demo_keys)
    point = CardCertificate.parse(chip.state.identity_certificate).point
    other = key_service("counter").issue_card_certificate(
        card_serial8=card.serial, public_key=point, valid_from=valid_from, valid_to=valid_to
    )
    record_certificate(card=card, der=other)
    challenge = ask()
    assert refusal(challenge, replace(prove(chip, challenge), certificate=other)) == "not_valid"


def test_a_certificate_recorded_for_another_card_is_refused(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    other, _ = issued_card(demo_keys)
    CertificateRecord.objects.filter(card=other).delete()
    CertificateRecord.objects.filter(card=card).update(card=other)
    challenge = ask()
    assert refusal(challenge, prove(chip, challenge)) == "wrong_card"


@pytest.mark.parametrize("junk", [b"", b"\x30\x82\x00\x00", bytes(400)])
def test_a_certificate_that_is_none_is_refused(junk: bytes) -> None:
    assert refusal(ask(), IdentityProof(junk, bytes(64))) == "malformed"


def test_a_lost_card_is_refused(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    challenge = ask()
    assert refusal(challenge, prove(chip, challenge)) == "hot_listed"


def test_a_closed_card_is_refused(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    close_card(card=card, actor=CLERK, reason="returned", occurred_at=NOON)
    challenge = ask()
    assert refusal(challenge, prove(chip, challenge)) == "card_not_active"


def test_a_card_still_in_the_drawer_is_refused(demo_keys: KeyStore) -> None:
    card = order_card(product=make_product(), actor=CLERK, valid_from=date(2026, 3, 1))
    chip = blank_chip(demo_keys)
    personalise_card(card=card, transport=MemoryTransport(chip), pin=PIN, actor=CLERK)
    challenge = ask()
    assert refusal(challenge, prove(chip, challenge)) == "card_not_active"


def test_recording_a_certificate_again_is_the_same_record(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    for _ in range(3):
        record_certificate(card=card, der=chip.state.identity_certificate)
    assert card.certificates.count() == 1


def test_nothing_personal_leaves_by_the_certificate(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys, real_name=True)
    assert "林美玲".encode() not in chip.state.identity_certificate
    assert CardCertificate.parse(chip.state.identity_certificate).serial8 == card.serial


def proven(card: Card, chip: Chip) -> str:
    """The outcome on record of a card that proves itself at the counter."""
    prove_card(card=card, transport=MemoryTransport(chip), asked_by=CLERK, purpose="refund")
    return IdentityCheck.objects.latest("pk").outcome


def test_at_the_counter_a_card_proves_itself_whatever_it_may_do(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    assert proven(card, chip) == "identified"
    report_loss(card=card, actor=CLERK, reason="left on the bus", occurred_at=NOON)
    assert proven(card, chip) == "hot_listed"


def test_a_card_whose_days_are_over_is_still_the_card(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    point = CardCertificate.parse(chip.state.identity_certificate).point
    for years, proves in ((2015, 2020), True), ((2090, 2095), False):
        der = key_service("counter").issue_card_certificate(
            card_serial8=card.serial,
            public_key=point,
            valid_from=date(years[0], 1, 1),
            valid_to=date(years[1], 1, 1),
        )
        record_certificate(card=card, der=der)
        chip.commit(identity_certificate=der)
        if proves:
            assert proven(card, chip) == "identified"
        else:
            with pytest.raises(IdentityRefused):
                proven(card, chip)


def test_another_card_or_a_clone_does_not_prove_this_one(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    _, other = issued_card(demo_keys)
    with pytest.raises(WrongCardOnReader):
        proven(card, other)
    other.commit(identity_certificate=chip.state.identity_certificate)
    with pytest.raises(IdentityRefused) as refused:
        proven(card, other)
    assert refused.value.data["outcome"] == "wrong_signature"
