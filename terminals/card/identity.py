"""Who a card is: its certificate, and whether an answer proves it. No network needed, only the card CA's certificates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from terminals.card.crypto import CHINA
from terminals.card.eid import CHALLENGE_BYTES, SIGNATURE_BYTES
from terminals.card.errors import CardError, FormatError

SERIAL_BYTES: Final = 8
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What `cryptography` raises, at once or later, for a certificate it cannot use."""


class IdentityError(CardError):
    """What a card showed does not prove that it is the card."""


class WrongIssuer(IdentityError):
    """The certificate is not one of this card CA, or not one for a card."""


class CertificateNotValid(IdentityError):
    """The certificate is not valid yet, or no more."""


class WrongCard(IdentityError):
    """The certificate belongs to another card."""


class WrongSignature(IdentityError):
    """The answer was not made for this challenge by the certificate's key: a copied certificate, or an old answer."""


@dataclass(frozen=True, slots=True)
class CardCertificate:
    """What a card's certificate says. `serial8`: the card's serial, named by the subject's serialNumber (16 digits)."""

    number: int
    """The certificate's own serial number, unique for its CA."""
    serial8: bytes
    point: bytes
    """The public key, 04 | x | y."""
    first: datetime
    last: datetime
    """First and last second of its validity."""
    source: x509.Certificate = field(repr=False, compare=False)

    @classmethod
    def parse(cls, der: bytes) -> Self:
        """Read a certificate; FormatError when it is none, not one for a card, or its key not one of P-256."""
        try:
            found = x509.load_der_x509_certificate(der)
            return cls(
                number=found.serial_number,
                serial8=_serial8(found.subject),
                point=point_of(_p256(found.public_key())),
                first=found.not_valid_before_utc,
                last=found.not_valid_after_utc,
                source=found,
            )
        except _UNREADABLE as error:
            raise FormatError(f"the certificate cannot be used ({type(error).__name__})") from error

    def verify_answer(self, challenge: bytes, signature: bytes) -> None:
        """Check a card's answer with this key only; WrongSignature."""
        if len(challenge) != CHALLENGE_BYTES or len(signature) != SIGNATURE_BYTES:
            raise WrongSignature("challenge or signature has a wrong length")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.point)
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        try:
            key.verify(encode_dss_signature(r, s), challenge, ec.ECDSA(SHA256()))
        except InvalidSignature as error:
            raise WrongSignature(
                "the answer does not fit the card's certificate and the challenge"
            ) from error

    def verify_issuer(self, ca_certificates: Iterable[bytes]) -> None:
        """Check that one of these CAs (DER) issued it for a card; WrongIssuer.

        RFC 5280, as far as a chain of one CA and one card goes.
        """
        try:
            authorities = map(x509.load_der_x509_certificate, ca_certificates)
            ca = next((each for each in authorities if each.subject == self.source.issuer), None)
            if ca is None:
                raise WrongIssuer("the certificate was not issued by this card CA")
            self.source.verify_directly_issued_by(ca)
            issuer = ca.extensions.get_extension_for_class(x509.BasicConstraints).value
            holder = self.source.extensions.get_extension_for_class(x509.BasicConstraints).value
            usage = self.source.extensions.get_extension_for_class(x509.KeyUsage).value
        except (*_UNREADABLE, InvalidSignature, x509.ExtensionNotFound) as error:
            raise WrongIssuer("the certificate was not issued by this card CA") from error
        if not issuer.ca or holder.ca or not usage.digital_signature:
            raise WrongIssuer("the certificate is not one for a card")


def _serial8(subject: x509.Name) -> bytes:
    names = subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    text = str(names[0].value) if len(names) == 1 else ""
    if len(text) != 2 * SERIAL_BYTES or not text.isascii() or not text.isdigit():
        raise ValueError("the certificate names no card")
    return bytes.fromhex(text)


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is not one of P-256")
    return key


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """04 | x | y."""
    numbers = key.public_numbers()
    return b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)


def validity(valid_from: date, valid_to: date) -> tuple[datetime, datetime]:
    """First and last second of a card's days, both of which count in Asia/Shanghai."""
    first, last = time(0, 0, 0, tzinfo=CHINA), time(23, 59, 59, tzinfo=CHINA)
    return (
        datetime.combine(valid_from, first).astimezone(UTC),
        datetime.combine(valid_to, last).astimezone(UTC),
    )


def verify_identity(
    *,
    ca_certificates: Iterable[bytes],
    certificate: bytes,
    challenge: bytes,
    signature: bytes,
    at: datetime,
    card_serial8: bytes,
) -> None:
    """Check that the card with this serial answered this challenge; certificates in DER, `at` an aware time.

    `ca_certificates`: the card CA's, of every key version whose cards are still good.

    Raises WrongIssuer, CertificateNotValid, WrongCard, WrongSignature, and FormatError on bytes that are no certificate.
    That the challenge is fresh and used once is the caller's matter; whether the card is blocked stands on the hot list.
    """
    found = CardCertificate.parse(certificate)
    found.verify_issuer(ca_certificates)
    if not found.first <= at <= found.last:
        raise CertificateNotValid("the card's certificate is not valid at this time")
    if found.serial8 != card_serial8:
        raise WrongCard("the certificate belongs to another card")
    found.verify_answer(challenge, signature)
