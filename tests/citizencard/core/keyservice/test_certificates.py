"""The card CA and the checks of what cards prove, through the key service's socket."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.client import key_service as in_role
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import KeyStore, Usage
from terminals.card.commands import AuthenticateMode, internal_authenticate
from terminals.card.crypto import decrypt_ecb, encrypt_ecb, kcv, retail_mac
from terminals.card.identity import CardCertificate, point_of
from terminals.card.keys import CARD_SLOTS, SAM_SLOTS, KeySlot
from terminals.card.personalise import personalise
from terminals.card.purse import PurseSession
from terminals.simulator.chip import Chip
from tests.citizencard.core.keyservice.cards import CardSide
from tests.citizencard.core.keyservice.test_card_life import blank
from tests.terminals.cards import card_spec

CHIP = bytes.fromhex("C0FFEE0000000001")
CARD = bytes.fromhex("5170070104791381")
CHALLENGE = bytes.fromhex("0123456789ABCDEF")
POINT = point_of(ec.derive_private_key(12345, ec.SECP256R1()).public_key())
FROM, TO = date(2026, 3, 1), date(2036, 3, 1)


@pytest.fixture
def web(key_service: KeyServiceClient) -> KeyServiceClient:
    """The same service asked in a web process's role."""
    del key_service
    return in_role("web")


def issue(key_service: KeyServiceClient, **changes: object) -> bytes:
    values = {"card_serial8": CARD, "public_key": POINT, "valid_from": FROM, "valid_to": TO}
    return key_service.issue_card_certificate(**(values | changes))  # type: ignore[arg-type]


def test_a_certificate_is_good_by_the_ca_s(key_service: KeyServiceClient) -> None:
    certificate = CardCertificate.parse(issue(key_service))
    certificate.verify_issuer([key_service.card_ca_certificate()])
    assert (certificate.serial8, certificate.point) == (CARD, POINT)


def test_each_certificate_has_its_number(key_service: KeyServiceClient) -> None:
    assert len({CardCertificate.parse(issue(key_service)).number for _ in range(20)}) == 20


def test_the_ca_certificate_stays_the_same(key_service: KeyServiceClient) -> None:
    first = key_service.card_ca_certificate()
    assert [first] == key_service.card_ca_certificates()
    ca = x509.load_der_x509_certificate(first)
    ca.verify_directly_issued_by(ca)
    assert ca.not_valid_after_utc == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"card_serial8": b"\xab" * 8}, id="no digits"),
        pytest.param({"card_serial8": bytes(7)}, id="short serial"),
        pytest.param({"public_key": b"\x04" + bytes(64)}, id="not on the curve"),
        pytest.param({"public_key": bytes(65)}, id="the point at infinity"),
        pytest.param({"public_key": POINT[:-1]}, id="short point"),
        pytest.param({"valid_from": TO, "valid_to": FROM}, id="ends before it begins"),
        pytest.param({"valid_to": date(2126, 1, 1)}, id="a hundred years"),
    ],
)
def test_what_is_not_certified(key_service: KeyServiceClient, changes: dict[str, object]) -> None:
    with pytest.raises(KeyServiceError) as caught:
        issue(key_service, **changes)
    assert caught.value.refusal == "bad_request"


def test_the_web_gets_no_certificate_made(web: KeyServiceClient) -> None:
    with pytest.raises(KeyServiceError) as caught:
        issue(web)
    assert caught.value.refusal == "not_permitted"


@pytest.mark.parametrize("version", [1, 2])
def test_check_values_are_those_of_the_card_s_keys(
    key_service: KeyServiceClient, card_side: CardSide, version: int
) -> None:
    values = key_service.key_check_values(
        chip_serial8=CHIP, card_serial8=CARD, version=version, slots=CARD_SLOTS
    )
    assert values == {slot: kcv(card_side.key(Usage[slot.name], version, CARD)) for slot in CARD_SLOTS}


def test_check_values_of_a_sam(key_service: KeyServiceClient, card_side: CardSide) -> None:
    values = key_service.key_check_values(chip_serial8=CHIP, card_serial8=None, version=1, slots=SAM_SLOTS)
    assert set(values) == set(SAM_SLOTS)
    assert values[KeySlot.MAINTENANCE] == kcv(card_side.key(Usage.MAINTENANCE, 1, CHIP))


def test_check_values_are_told_to_the_counter_only(web: KeyServiceClient) -> None:
    with pytest.raises(KeyServiceError) as caught:
        web.key_check_values(chip_serial8=CHIP, card_serial8=CARD, version=1, slots=CARD_SLOTS)
    assert caught.value.refusal == "not_permitted"


@pytest.mark.parametrize("mode", AuthenticateMode)
def test_a_right_answer_by_the_identity_key(
    key_service: KeyServiceClient, card_side: CardSide, mode: AuthenticateMode
) -> None:
    key = card_side.key(Usage.IDENTITY, 1, CARD)
    answers = {
        AuthenticateMode.ENCRYPT: encrypt_ecb(key, CHALLENGE),
        AuthenticateMode.DECRYPT: decrypt_ecb(key, CHALLENGE),
        AuthenticateMode.MAC: retail_mac(key, CHALLENGE, length=8),
    }

    def verdict(serial8: bytes = CARD, version: int = 1, answer: bytes = answers[mode]) -> bool:
        return key_service.verify_internal_authenticate(
            serial8=serial8, key_version=version, mode=mode, challenge8=CHALLENGE, answer8=answer
        )

    assert verdict()
    assert not verdict(serial8=CARD[::-1])
    assert not verdict(version=2)
    assert not any(
        verdict(answer=bytes([answers[mode][0] ^ 1 << bit]) + answers[mode][1:]) for bit in range(8)
    )
    assert not any(verdict(answer=other) for each, other in answers.items() if each is not mode)


@pytest.mark.parametrize("mode", AuthenticateMode)
def test_a_card_answers_what_the_service_expects(
    key_service: KeyServiceClient, demo_keys: KeyStore, mode: AuthenticateMode
) -> None:
    transport = blank(Chip, b"CHIP0001", demo_keys)
    personalise(transport, card_spec(), key_service)
    PurseSession(transport).select()
    answer, sw = transport.transmit(internal_authenticate(mode, 0, CHALLENGE).to_bytes())
    assert sw == 0x9000
    assert key_service.verify_internal_authenticate(
        serial8=card_spec().public_info.serial8,
        key_version=1,
        mode=mode,
        challenge8=CHALLENGE,
        answer8=answer,
    )
