"""The card's electronic identity: an application of its own with a key pair, a certificate and nothing else.

The private key (ECDSA over P-256) is made on the chip and never leaves it. Who holds the city's card CA certificate can
check a card without any network: INTERNAL AUTHENTICATE (ISO/IEC 7816-4) signs a challenge, the certificate (X.509) says
whose key it was. That proves the card is there and genuine, not who holds it: no PIN is asked. It is no document
signature either, since a card signs 32-byte challenges only, hashed once more on the chip.

The application's layout is this project's own, as no public text describes one: name F0 "CCARD.EID" (category F of
ISO/IEC 7816-4, proprietary without registration), one transparent file C001 with the certificate in DER.
"""

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

from terminals.card import commands, tlv
from terminals.card.apdu import Command
from terminals.card.crypto import CHINA
from terminals.card.errors import CardError, FormatError
from terminals.card.transport import ResponseChain, Transport, exchange

EID_AID: Final = b"\xf0CCARD.EID"
CERTIFICATE_FILE: Final = 0xC001
CERTIFICATE_BYTES_MAX: Final = 1024
"""Size of the certificate file; what follows the certificate is zero."""
CHALLENGE_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
"""r | s, 32 bytes each."""
SERIAL_BYTES: Final = 8
POINT_BYTES: Final = 65
"""04 | x | y, an uncompressed point of P-256."""
AUTHENTICATION_KEY: Final = b"\xa4\x00"
"""Control reference template for authentication (ISO/IEC 7816-8): the application's only key pair."""
GENERATE_HEADER: Final = bytes.fromhex("04468000")
"""GENERATE ASYMMETRIC KEY PAIR with secure messaging: makes a new pair, while the chip is being personalised."""
_CHUNK: Final = 224
_DER_HEAD: Final = 4
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


def select_certificate() -> Command:
    """SELECT the certificate file under the application; no answer wanted."""
    return Command(0x00, 0xA4, 0x02, 0x0C, CERTIFICATE_FILE.to_bytes(2))


def read_selected(offset: int, length: int) -> Command:
    """READ BINARY of the selected file, 15-bit offset."""
    return Command(0x00, 0xB0, offset >> 8, offset & 0xFF, le=length)


def read_public_key() -> Command:
    """GENERATE ASYMMETRIC KEY PAIR with P1 81: only read the public key that is there."""
    return Command(0x00, 0x46, 0x81, 0x00, AUTHENTICATION_KEY, le=0)


def internal_authenticate(challenge: bytes) -> Command:
    """INTERNAL AUTHENTICATE with the application's key pair over a 32-byte challenge."""
    if len(challenge) != CHALLENGE_BYTES:
        raise FormatError(f"a challenge has {CHALLENGE_BYTES} bytes")
    return Command(0x00, 0x88, data=challenge, le=SIGNATURE_BYTES)


def public_key_in(answer: bytes) -> bytes:
    """The point (65 bytes) in an answer 7F49{86 point}; FormatError when there is none on the curve."""
    template = dict(tlv.parse(answer)).get(0x7F49, b"")
    point = dict(tlv.parse(template)).get(0x86, b"")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise FormatError("the card's public key is not a point of P-256") from error
    return point


@dataclass(frozen=True, slots=True)
class IdentityProof:
    """What a card answers a challenge with: its certificate (DER) and the signature r | s."""

    certificate: bytes
    signature: bytes


class EidSession:
    """The electronic identity of one card. Raises ApduError (6A82: the card has none) and TransportError."""

    def __init__(self, transport: Transport) -> None:
        """Use a connected transport; nothing is sent yet."""
        self._transport = ResponseChain(transport)

    def select(self) -> None:
        """SELECT the application."""
        exchange(self._transport, commands.select_name(EID_AID))

    def certificate(self) -> bytes:
        """The card's certificate, DER. FormatError when the file holds none."""
        exchange(self._transport, select_certificate())
        length = der_length(exchange(self._transport, read_selected(0, _DER_HEAD)))
        content = b""
        while len(content) < length:
            size = min(_CHUNK, length - len(content))
            content += exchange(self._transport, read_selected(len(content), size))
        return content

    def public_key(self) -> bytes:
        """The key pair's public point, 65 bytes."""
        return public_key_in(exchange(self._transport, read_public_key()))

    def authenticate(self, challenge: bytes) -> bytes:
        """The card's signature (r | s, 64 bytes) over a challenge of 32 bytes that nobody could foresee."""
        return exchange(self._transport, internal_authenticate(challenge))

    def prove(self, challenge: bytes) -> IdentityProof:
        """All a verifier needs, from a card just put on the reader."""
        self.select()
        return IdentityProof(self.certificate(), self.authenticate(challenge))


def der_length(head: bytes) -> int:
    """Whole length of the DER sequence that begins with these four bytes; FormatError when it is no certificate."""
    length = int.from_bytes(head[2:4]) + _DER_HEAD
    if head[:2] != b"\x30\x82" or not _DER_HEAD < length <= CERTIFICATE_BYTES_MAX:
        raise FormatError("the certificate file holds no certificate")
    return length


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
    x509: x509.Certificate = field(repr=False, compare=False)

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
                x509=found,
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
            ca = next((each for each in authorities if each.subject == self.x509.issuer), None)
            if ca is None:
                raise WrongIssuer("the certificate was not issued by this card CA")
            self.x509.verify_directly_issued_by(ca)
            issuer = ca.extensions.get_extension_for_class(x509.BasicConstraints).value
            holder = self.x509.extensions.get_extension_for_class(x509.BasicConstraints).value
            usage = self.x509.extensions.get_extension_for_class(x509.KeyUsage).value
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
