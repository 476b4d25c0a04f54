"""Cards are made over every transport, pulled on the way, and prove who they are."""

from __future__ import annotations

import pytest

from terminals.card.eid import EidSession
from terminals.card.errors import TransportError
from terminals.card.identity import CardCertificate, verify_identity
from terminals.card.personalise import personalise
from terminals.card.transport import Transport
from terminals.simulator.chip import Chip
from terminals.simulator.state import Phase
from tests.terminals.card.test_personalise import content
from tests.terminals.cards import CARD_CA, KEYS, WHEN, blank_chip, card_spec, issued_chip
from tests.terminals.readers.slots import Slots

CHALLENGE = bytes(range(32))


class Hasty:
    """A reader whose card is pulled just before the n-th command."""

    def __init__(self, slots: Slots, chip: Chip, at: int) -> None:
        self._slots, self._inner, self.left = slots, slots.card(chip), at

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if self.left == 0:
            self._slots.pull_card()
        self.left -= 1
        return self._inner.transmit(apdu)

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("at", [4, 20, 41, 56])
def test_a_card_pulled_while_it_is_made_is_finished_when_it_returns(slots: Slots, at: int) -> None:
    chip = blank_chip()
    with pytest.raises(TransportError):
        personalise(Hasty(slots, chip, at), card_spec(), KEYS)
    assert chip.state.phase is Phase.BLANK
    personalise(slots.card(chip), card_spec(), KEYS)
    assert content(chip) == content(issued_chip())


def test_a_card_proves_itself(slots: Slots, chip: Chip) -> None:
    transport: Transport = slots.card(chip)
    proof = EidSession(transport).prove(CHALLENGE)
    verify_identity(
        ca_certificates=[CARD_CA.certificate()],
        certificate=proof.certificate,
        challenge=CHALLENGE,
        signature=proof.signature,
        at=WHEN.astimezone(),
        card_serial8=CardCertificate.parse(chip.state.identity_certificate).serial8,
    )
