"""Calls about what a card proves: the card CA's certificates, and answers made with the card's control key."""

from __future__ import annotations

from citizencard.core.keyservice.calls.base import Calls
from citizencard.core.keyservice.protocol import Opcode, unpack_strings
from terminals.card.commands import AuthenticateMode


class IdentityCalls(Calls):
    """Everything here may be known to everyone, but for the control key, which stays in the service."""

    def card_ca_certificate(self) -> bytes:
        """The certificate (X.509, DER) of the card CA that issues now."""
        return self.card_ca_certificates()[0]

    def card_ca_certificates(self) -> list[bytes]:
        """The same, and after it those of earlier key versions whose cards are still good."""
        return unpack_strings(self._channel.call(Opcode.CARD_CA_CERTIFICATES, b""))

    def verify_internal_authenticate(
        self, *, serial8: bytes, key_version: int, mode: AuthenticateMode, challenge8: bytes, answer8: bytes
    ) -> bool:
        """Whether INTERNAL AUTHENTICATE in the purse application was answered with this card's identity key."""
        return self._verdict(
            Opcode.VERIFY_INTERNAL_AUTHENTICATE,
            serial8=serial8,
            key_version=key_version,
            mode=int(mode),
            challenge8=challenge8,
            answer8=answer8,
        )
