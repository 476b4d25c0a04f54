"""The steps of personalisation that give a card its electronic identity: a key pair made on the chip, a certificate."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from terminals.card import commands, eid
from terminals.card.apdu import ApduError, Command
from terminals.card.bench import Bench
from terminals.card.errors import FormatError
from terminals.card.files import PublicInfo
from terminals.card.identity import CardCertificate, WrongSignature, validity
from terminals.card.status import StatusWord

IDENTITY: Final = commands.select_name(eid.EID_AID)
_CHUNK: Final = 224


class CertificateIssuer(Protocol):
    """The card CA."""

    def issue_card_certificate(
        self, *, card_serial8: bytes, public_key: bytes, valid_from: date, valid_to: date
    ) -> bytes:
        """X.509 certificate (DER) for a point of P-256 (65 bytes) that the card made. Both days count."""


@dataclass(frozen=True, slots=True)
class MakeKeyPair:
    """GENERATE ASYMMETRIC KEY PAIR, once: a pair that is there is kept."""

    directory: Command = IDENTITY
    always: bool = False
    name: str = "identity key pair"

    def stands(self, bench: Bench) -> bool:
        """Whether the chip has a pair."""
        try:
            eid.public_key_in(bench.ask(eid.read_public_key()))
        except ApduError as error:
            if error.sw != StatusWord.KEY_NOT_FOUND:
                raise
            return False
        return True

    def write(self, bench: Bench) -> None:
        """Let the chip make one."""
        bench.send(eid.GENERATE_HEADER, eid.AUTHENTICATION_KEY)


@dataclass(frozen=True, slots=True)
class WriteCertificate:
    """The card CA's certificate for the chip's key pair."""

    public_info: PublicInfo
    issuer: CertificateIssuer
    directory: Command = IDENTITY
    always: bool = False
    name: str = "identity certificate"

    def stands(self, bench: Bench) -> bool:
        """Whether the certificate is this card's, and the chip signs with the key it names."""
        card = eid.EidSession(bench.transport)
        challenge = os.urandom(eid.CHALLENGE_BYTES)
        try:
            found = CardCertificate.parse(card.certificate())
            found.verify_answer(challenge, card.authenticate(challenge))
        except (WrongSignature, FormatError):
            return False
        info = self.public_info
        named = (found.serial8, found.point, (found.first, found.last))
        return named == (info.serial8, card.public_key(), validity(info.start, info.expiry))

    def write(self, bench: Bench) -> None:
        """Have it issued, and write it piece by piece."""
        certificate = self.issuer.issue_card_certificate(
            card_serial8=self.public_info.serial8,
            public_key=eid.public_key_in(bench.ask(eid.read_public_key())),
            valid_from=self.public_info.start,
            valid_to=self.public_info.expiry,
        )
        bench.ask(eid.select_certificate())
        for at in range(0, len(certificate), _CHUNK):
            header = bytes([0x04, 0xD6]) + at.to_bytes(2)
            bench.send(header, certificate[at : at + _CHUNK])


def written_certificate(bench: Bench) -> bytes:
    """The certificate on the chip."""
    bench.ask(IDENTITY)
    return eid.EidSession(bench.transport).certificate()
