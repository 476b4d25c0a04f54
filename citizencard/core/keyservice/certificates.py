"""How a card proves what it is: by its certificate, which the card CA here issues, or by a key shared with the issuer.

The CA's key pair (P-256) is derived from the SIGN seed, as the other signing keys are: what the seed gives for one
purpose says nothing about another, so a usage of its own would add a ceremony and no security. Each version of the seed
is a CA of its own; a rotation starts the next one, and the one before stays good for checking until its key is retired.
Nothing is stored: the CA certificate comes out the same at every start.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.issuerkeys import IssuerKeys
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card.commands import AuthenticateMode
from terminals.card.crypto import decrypt_ecb, encrypt_ecb, retail_mac
from terminals.card.identity import validity

VALIDITY_MAX: Final = timedelta(days=366 * 50)
_CA_BEGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)
_CA_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""RFC 5280, 4.1.2.5: no end of its own; the key version's life cycle ends it."""
_ORDER: Final = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551
"""Of P-256 (FIPS 186-5)."""


class CardAuthority:
    """One version of the card CA."""

    def __init__(self, secret64: bytes, version: int) -> None:
        """`secret64`: 64 random bytes, made into a private key as FIPS 186-5, A.2.1, does (extra random bits)."""
        scalar = int.from_bytes(secret64) % (_ORDER - 1) + 1
        self._private = ec.derive_private_key(scalar, ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Citizen Card CA {version}")])

    def certificate(self) -> bytes:
        """The CA's self-signed certificate, DER, the same each time."""
        public = self._private.public_key()
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        builder = self._builder(self._name, public, int.from_bytes(identifier.digest[:16]) >> 1)
        builder = builder.not_valid_before(_CA_BEGIN).not_valid_after(_CA_END)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(ca=True), critical=True).add_extension(
            identifier, critical=False
        )
        return self._signed(builder)

    def issue(self, card_serial8: bytes, public_key65: bytes, valid_from: date, valid_to: date) -> bytes:
        """A card's certificate, DER. Its subject is the card's serial, 16 digits, and nothing about a person.

        ValueError when the key is no point of P-256, the serial not of digits, or the days in the wrong order.
        """
        begin, end = validity(valid_from, valid_to)
        serial = card_serial8.hex()
        if not serial.isdigit() or not timedelta() < end - begin <= VALIDITY_MAX:
            raise ValueError("serial or validity out of bounds")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key65)
        subject = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._private.public_key())
        builder = self._builder(subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(begin).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(ca=False), critical=True).add_extension(issuer, critical=False)
        return self._signed(builder)

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, serial: int
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().issuer_name(self._name).subject_name(subject)
        return builder.public_key(public).serial_number(serial)

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        # RFC 6979: no random number that, if ever bad, would give the CA's key away.
        return builder.sign(self._private, SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


class IdentityKeys:
    """The card CA under the current seed, and the check of what a card answers by its control key."""

    def __init__(self, access: KeyAccess, issuer_keys: IssuerKeys) -> None:
        self._access = access
        self._issuer_keys = issuer_keys

    def issue(self, card_serial8: bytes, public_key65: bytes, valid_from: date, valid_to: date) -> bytes:
        """A card's certificate (see `CardAuthority.issue`); `Refusal` bad_request where that says ValueError."""
        authority = self._authority(self._access.current(Usage.SIGN))
        try:
            return authority.issue(card_serial8, public_key65, valid_from, valid_to)
        except ValueError:
            raise Refusal(Code.BAD_REQUEST, "no certificate for this serial, key or validity") from None

    def ca_certificates(self) -> list[bytes]:
        """CA certificates by which a card may be checked, the current one first."""
        current = self._access.current(Usage.SIGN)
        held = [key.version for key in self._access.vault.inventory() if key.usage is Usage.SIGN]
        good = [version for version in held if self._serves(version)]
        return [
            self._authority(version).certificate() for version in sorted(good, key=lambda v: v != current)
        ]

    def verify_internal_authenticate(
        self, *, serial8: bytes, key_version: int, mode: AuthenticateMode, challenge8: bytes, answer8: bytes
    ) -> bool:
        """Whether the card with this serial, and no other, answered INTERNAL AUTHENTICATE in its purse application.

        The identity key does it in three ways: 00 encrypts, 01 decrypts, 02 makes a retail MAC of 8 bytes. Known from
        one card system only; which key it takes is this project's choice.
        """
        key = self._issuer_keys.card_key(Usage.IDENTITY, key_version, serial8, Intent.SERVE)
        match mode:
            case AuthenticateMode.ENCRYPT:
                right = encrypt_ecb(key, challenge8)
            case AuthenticateMode.DECRYPT:
                right = decrypt_ecb(key, challenge8)
            case AuthenticateMode.MAC:
                right = retail_mac(key, challenge8, length=8)
        return hmac.compare_digest(right, answer8)

    def _serves(self, version: int) -> bool:
        try:
            self._access.require(Usage.SIGN, version, Intent.SERVE)
        except Refusal:
            return False
        return True

    def _authority(self, version: int) -> CardAuthority:
        seed = self._access.derive(Usage.SIGN, version, b"citizencard card CA")
        return CardAuthority(hashlib.sha512(seed).digest(), version)


def _usage(*, ca: bool) -> x509.KeyUsage:
    """A CA signs certificates, a card signs challenges."""
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
