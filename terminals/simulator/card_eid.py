"""The electronic identity of the simulated card (see `terminals.card.eid`): a second application beside the purse."""

from __future__ import annotations

from typing import ClassVar, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from terminals.card import tlv
from terminals.card.apdu import Command
from terminals.card.eid import (
    AUTHENTICATION_KEY,
    CERTIFICATE_BYTES_MAX,
    CERTIFICATE_FILE,
    CHALLENGE_BYTES,
    EID_AID,
    SIGNATURE_BYTES,
)
from terminals.card.files import Fci
from terminals.card.identity import point_of
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_base import CardEngine
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.state import Phase

EID_DF: Final = 0x3F02


class CardEid(CardEngine):
    """A key pair made on the chip, its certificate, and INTERNAL AUTHENTICATE. Commands elsewhere go to the purse."""

    TREE: ClassVar = CardEngine.TREE | {EID_DF: {}}

    def drop_volatile(self) -> None:
        """No file selected any more."""
        super().drop_volatile()
        self.certificate_selected = False

    def fci(self, directory: int) -> Fci:
        """The identity's name, or the purse's and MF's answers."""
        return Fci(EID_AID) if directory == EID_DF else super().fci(directory)

    @command(0x00, 0xA4)
    def select(self, apdu: Command) -> bytes:
        """SELECT, with the certificate file where the identity is selected (P1 02)."""
        if apdu.p1 != 0x02:
            return super().select(apdu)
        if self.directory != EID_DF or apdu.data != CERTIFICATE_FILE.to_bytes(2):
            raise Refusal(Sw.FILE_NOT_FOUND)
        self.certificate_selected = True
        return b""

    @command(0x00, 0xB0, secured=True)
    def read_binary(self, apdu: Command) -> bytes:
        """READ BINARY of the selected certificate."""
        if not self._certificate_meant(apdu):
            return super().read_binary(apdu)
        content = self._certificate()[self._offset(apdu) :]
        if apdu.le and apdu.le > len(content):
            raise Refusal(0x6C00 | len(content))
        return content[: apdu.le or 256]

    @command(0x00, 0xD6, secured=True)
    def update_binary(self, apdu: Command) -> bytes:
        """UPDATE BINARY of the selected certificate; an issued card can get a new one."""
        if not self._certificate_meant(apdu):
            return super().update_binary(apdu)
        self.check_writer()
        offset = self._offset(apdu)
        end = offset + len(apdu.data)
        if end > CERTIFICATE_BYTES_MAX:
            raise Refusal(Sw.WRONG_LENGTH)
        old = self.state.identity_certificate.ljust(offset, b"\x00")
        self.commit(identity_certificate=old[:offset] + apdu.data + old[end:])
        return b""

    @command(0x04, 0x46)
    def generate_key_pair(self, apdu: Command) -> bytes:
        """GENERATE ASYMMETRIC KEY PAIR; replaces a pair generated before, and its certificate goes with it."""
        self._check_key(apdu, p1=0x80)
        self.blank_only()
        scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        self.commit(identity_key=scalar.to_bytes(32), identity_certificate=b"")
        return self._public_key()

    @command(0x00, 0x46)
    def show_public_key(self, apdu: Command) -> bytes:
        """The same command with P1 81: read the public key."""
        self._check_key(apdu, p1=0x81)
        return self._public_key()

    @command(0x00, 0x88)
    def internal_authenticate(self, apdu: Command) -> bytes:
        """INTERNAL AUTHENTICATE: an ECDSA signature over the challenge, r | s."""
        if self.directory != EID_DF:
            return super().internal_authenticate(apdu)
        if (apdu.p1, apdu.p2) != (0x00, 0x00):
            raise Refusal(Sw.WRONG_P1_P2)
        if len(apdu.data) != CHALLENGE_BYTES:
            raise Refusal(Sw.WRONG_LENGTH)
        if apdu.le not in (None, 0, SIGNATURE_BYTES):
            raise Refusal(0x6C00 | SIGNATURE_BYTES)
        if self.state.phase not in (Phase.BLANK, Phase.ACTIVE):
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        r, s = decode_dss_signature(self._pair().sign(apdu.data, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def _check_key(self, apdu: Command, p1: int) -> None:
        if self.directory != EID_DF:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if (apdu.p1, apdu.p2) != (p1, 0x00):
            raise Refusal(Sw.SECURITY_NOT_SATISFIED if apdu.p1 == 0x80 else Sw.WRONG_P1_P2)
        if apdu.data != AUTHENTICATION_KEY:
            raise Refusal(Sw.WRONG_DATA)

    def _pair(self) -> ec.EllipticCurvePrivateKey:
        if not self.state.identity_key:
            raise Refusal(Sw.KEY_NOT_FOUND)
        return ec.derive_private_key(int.from_bytes(self.state.identity_key), ec.SECP256R1())

    def _public_key(self) -> bytes:
        return tlv.build(0x7F49, tlv.build(0x86, point_of(self._pair().public_key())))

    def _certificate_meant(self, apdu: Command) -> bool:
        return self.certificate_selected and not apdu.p1 & 0x80

    def _certificate(self) -> bytes:
        return self.state.identity_certificate.ljust(CERTIFICATE_BYTES_MAX, b"\x00")

    def _offset(self, apdu: Command) -> int:
        offset = apdu.p1 << 8 | apdu.p2
        if offset >= CERTIFICATE_BYTES_MAX:
            raise Refusal(Sw.WRONG_OFFSET)
        return offset
