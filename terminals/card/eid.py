"""The card's electronic identity: an application of its own with a key pair, a certificate and nothing else.

The private key (ECDSA over P-256) is made on the chip and never leaves it. Who holds the city's card CA certificate can
check a card without any network: INTERNAL AUTHENTICATE (ISO/IEC 7816-4) signs a challenge, the certificate (X.509) says
whose key it was. That proves the card is there and genuine, not who holds it: no PIN is asked. It is no document
signature either, since a card signs 32-byte challenges only, hashed once more on the chip.

The application's layout is this project's own, as no public text describes one: name F0 "CCARD.EID" (category F of
ISO/IEC 7816-4, proprietary without registration), one transparent file C001 with the certificate in DER.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from terminals.card import commands, tlv
from terminals.card.apdu import Command
from terminals.card.errors import FormatError
from terminals.card.transport import ResponseChain, Transport, exchange

EID_AID: Final = b"\xf0CCARD.EID"
CERTIFICATE_FILE: Final = 0xC001
CERTIFICATE_BYTES_MAX: Final = 1024
"""Size of the certificate file; what follows the certificate is zero."""
CHALLENGE_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
"""r | s, 32 bytes each."""
POINT_BYTES: Final = 65
"""04 | x | y, an uncompressed point of P-256."""
AUTHENTICATION_KEY: Final = b"\xa4\x00"
"""Control reference template for authentication (ISO/IEC 7816-8): the application's only key pair."""
GENERATE_HEADER: Final = bytes.fromhex("04468000")
"""GENERATE ASYMMETRIC KEY PAIR with secure messaging: makes a new pair, while the chip is being personalised."""
_CHUNK: Final = 224
_DER_HEAD: Final = 4


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
