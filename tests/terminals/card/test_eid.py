from __future__ import annotations

import hashlib
import shutil
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from citizencard.core.keyservice.certificates import CardAuthority
from terminals.card import eid, identity
from terminals.card.eid import EidSession, IdentityProof
from terminals.card.errors import FormatError
from terminals.card.identity import CardCertificate, verify_identity
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from tests.terminals.cards import CARD_CA, card_spec, issued_chip

SERIAL8 = card_spec().public_info.serial8
CHALLENGE = bytes.fromhex("C4A11E46E5" * 6 + "0001")
AT = datetime(2026, 11, 20, 0, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def card() -> Chip:
    return issued_chip()


@pytest.fixture(scope="module")
def proof(card: Chip) -> IdentityProof:
    return EidSession(MemoryTransport(card)).prove(CHALLENGE)


def check(
    proof: IdentityProof,
    *,
    ca: bytes | None = None,
    certificate: bytes | None = None,
    challenge: bytes = CHALLENGE,
    signature: bytes | None = None,
    at: datetime = AT,
    serial8: bytes = SERIAL8,
) -> None:
    verify_identity(
        ca_certificates=[ca or CARD_CA.certificate()],
        certificate=certificate or proof.certificate,
        challenge=challenge,
        signature=proof.signature if signature is None else signature,
        at=at,
        card_serial8=serial8,
    )


def test_a_card_proves_itself_to_anybody_with_the_ca_certificate(proof: IdentityProof) -> None:
    check(proof)


def test_openssl_agrees(proof: IdentityProof, tmp_path: Path) -> None:
    """An implementation we did not write checks chain and signature."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl program")
    certificate = x509.load_der_x509_certificate(proof.certificate)
    ca = x509.load_der_x509_certificate(CARD_CA.certificate())
    r, s = int.from_bytes(proof.signature[:32]), int.from_bytes(proof.signature[32:])
    key = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    files = {
        "ca.pem": ca.public_bytes(Encoding.PEM),
        "card.pem": certificate.public_bytes(Encoding.PEM),
        "key.pem": key,
        "signature": encode_dss_signature(r, s),
        "challenge": CHALLENGE,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for words in (
        "verify -x509_strict -CAfile ca.pem card.pem",
        "dgst -sha256 -verify key.pem -signature signature challenge",
    ):
        subprocess.run([program, *words.split()], cwd=tmp_path, check=True, capture_output=True)


def test_the_certificate_names_a_card_and_no_person(proof: IdentityProof) -> None:
    certificate = x509.load_der_x509_certificate(proof.certificate)
    assert certificate.subject.rfc4514_string() == f"2.5.4.5={SERIAL8.hex()}"
    assert CardCertificate.parse(proof.certificate).serial8 == SERIAL8
    for personal in ("张晓明", "110101199003074557"):
        assert personal.encode() not in proof.certificate


def test_both_days_of_validity_count(proof: IdentityProof) -> None:
    found = CardCertificate.parse(proof.certificate)
    first, last = found.first, found.last
    assert (first, last) == identity.validity(date(2026, 1, 1), date(2046, 12, 31))
    check(proof, at=first)
    check(proof, at=last)


@pytest.mark.parametrize(
    "at", [datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC), datetime(2046, 12, 31, 16, 0, 0, tzinfo=UTC)]
)
def test_a_certificate_outside_its_days_is_refused(proof: IdentityProof, at: datetime) -> None:
    with pytest.raises(identity.CertificateNotValid):
        check(proof, at=at)


def test_cards_of_the_ca_before_are_good_as_long_as_it_is(proof: IdentityProof) -> None:
    others = [CardAuthority(bytes(64), version).certificate() for version in (2, 3)]
    CardCertificate.parse(proof.certificate).verify_issuer([*others, CARD_CA.certificate()])
    for trusted in (others, []):
        with pytest.raises(identity.WrongIssuer):
            CardCertificate.parse(proof.certificate).verify_issuer(trusted)


def test_another_city_s_ca_is_refused(proof: IdentityProof) -> None:
    for version in (1, 2):
        with pytest.raises(identity.WrongIssuer):
            check(proof, ca=CardAuthority(bytes(64), version).certificate())


def test_a_ca_certificate_is_none_for_a_card(proof: IdentityProof) -> None:
    with pytest.raises(FormatError):
        check(proof, certificate=CARD_CA.certificate())


def test_a_card_is_no_ca(card: Chip, proof: IdentityProof) -> None:
    with pytest.raises(identity.WrongIssuer):
        check(proof, ca=proof.certificate)


def test_another_card_is_refused(proof: IdentityProof) -> None:
    with pytest.raises(identity.WrongCard):
        check(proof, serial8=bytes.fromhex("5883700000000999"))


def test_a_clone_with_a_copied_certificate_is_refused(proof: IdentityProof) -> None:
    clone = EidSession(MemoryTransport(issued_chip())).prove(CHALLENGE)
    with pytest.raises(identity.WrongSignature):
        check(proof, signature=clone.signature)


def test_an_old_answer_does_not_fit_a_new_challenge(proof: IdentityProof) -> None:
    with pytest.raises(identity.WrongSignature):
        check(proof, challenge=bytes(32))


def test_an_answer_signs_no_document_whose_digest_was_given_as_challenge(card: Chip) -> None:
    """The chip hashes the challenge itself, so that nobody gets a contract signed by asking who is there."""
    document = b"I owe you everything."
    proof = EidSession(MemoryTransport(card)).prove(hashlib.sha256(document).digest())
    r, s = int.from_bytes(proof.signature[:32]), int.from_bytes(proof.signature[32:])
    point = CardCertificate.parse(proof.certificate).point
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    with pytest.raises(InvalidSignature):
        key.verify(encode_dss_signature(r, s), document, ec.ECDSA(SHA256()))


@pytest.mark.parametrize("length", [0, 8, 31, 33])
def test_a_challenge_has_32_bytes(length: int) -> None:
    with pytest.raises(FormatError):
        eid.internal_authenticate(bytes(length))


@given(st.integers(0, 511))
def test_every_bit_of_the_signature_counts(bit: int) -> None:
    proof = _PROOF
    forged = bytearray(proof.signature)
    forged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(identity.WrongSignature):
        check(proof, signature=bytes(forged))


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_every_bit_of_the_certificate_counts(proof: IdentityProof) -> None:
    """All but one byte: how many bits of the signature's last one are unused, which nobody signs."""
    unused_bits = proof.certificate.index(x509.load_der_x509_certificate(proof.certificate).signature) - 1
    for bit in range(8 * len(proof.certificate)):
        if bit // 8 != unused_bits:
            forged = bytearray(proof.certificate)
            forged[bit // 8] ^= 1 << bit % 8
            with pytest.raises((identity.IdentityError, FormatError)):
                check(proof, certificate=bytes(forged))


@given(st.binary(max_size=80))
def test_no_certificate_is_an_error_of_its_own(junk: bytes) -> None:
    with pytest.raises(FormatError):
        CardCertificate.parse(junk)
    with pytest.raises(FormatError):
        eid.der_length(junk)


@given(st.binary(max_size=80))
def test_no_public_key_is_an_error_of_its_own(junk: bytes) -> None:
    with pytest.raises(FormatError):
        eid.public_key_in(junk)


def test_the_ca_certificate_is_the_same_each_time() -> None:
    secret = bytes(range(64))
    assert CardAuthority(secret, 1).certificate() == CardAuthority(secret, 1).certificate()
    assert CardAuthority(secret, 1).certificate() != CardAuthority(secret, 2).certificate()


def test_no_two_certificates_share_a_number() -> None:
    key = CardCertificate.parse(_PROOF.certificate).point
    issued = [CARD_CA.issue(SERIAL8, key, date(2026, 1, 1), date(2046, 12, 31)) for _ in range(50)]
    assert len({CardCertificate.parse(each).number for each in issued}) == 50


_PROOF = EidSession(MemoryTransport(issued_chip())).prove(CHALLENGE)
