"""Handlers of the operations on purse and deposit (see `handlers`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from citizencard.core.keyservice.backend import KeyRing
from citizencard.core.keyservice.fields import Fields
from citizencard.core.keyservice.protocol import Opcode
from terminals.card.crypto import TransactionType

_MONEY_MAX: Final = 0x7FFF_FFFF
"""Largest amount or balance in fen: the top bit of a chip's balance is not part of the number."""
_LIMIT_MAX: Final = 0xFF_FFFF
"""Largest overdraft limit in fen: three bytes."""
_LOADS: Final = (TransactionType.LOAD, TransactionType.ED_LOAD)


def _verify_purchase_tacs(ring: KeyRing, payload: bytes) -> bytes:
    verdicts = ring.backend.purse.verify_purchase_tacs(payload)
    # Keys taken away in the middle look like unknown ones: a service sealed by now must not call genuine TACs wrong.
    _ = ring.backend
    return verdicts


def _authorise_load(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    return ring.backend.purse.authorise_load(
        **_transaction(fields),
        **_proof_of_card(fields),
        amount_fen=fields.integer("amount_fen", 1, _MONEY_MAX),
        kind=_kind_of_load(fields),
    )


def _verify_load_tac(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    right = ring.backend.purse.verify_load_tac(
        **_transaction(fields),
        balance_after_fen=fields.integer("balance_after_fen", 0, _MONEY_MAX),
        amount_fen=fields.integer("amount_fen", 1, _MONEY_MAX),
        tac=fields.octets("tac", 4),
        kind=_kind_of_load(fields),
    )
    return bytes([right])


def _authorise_unload(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    return ring.backend.purse.authorise_unload(
        **_transaction(fields),
        **_proof_of_card(fields),
        amount_fen=fields.integer("amount_fen", 1, _MONEY_MAX),
    )


def _verify_unload_mac3(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    right = ring.backend.purse.verify_unload_mac3(
        **_transaction(fields),
        rand4=fields.octets("rand4", 4),
        balance_after_fen=fields.integer("balance_after_fen", 0, _MONEY_MAX),
        amount_fen=fields.integer("amount_fen", 1, _MONEY_MAX),
        mac3=fields.octets("mac3", 4),
    )
    return bytes([right])


def _authorise_overdraft(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    return ring.backend.purse.authorise_overdraft(
        **_transaction(fields),
        **_proof_of_card(fields),
        old_limit_fen=fields.integer("old_limit_fen", 0, _LIMIT_MAX),
        new_limit_fen=fields.integer("new_limit_fen", 0, _LIMIT_MAX),
    )


def _verify_overdraft_tac(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    right = ring.backend.purse.verify_overdraft_tac(
        **_transaction(fields),
        balance_after_fen=fields.integer("balance_after_fen", 0, _MONEY_MAX),
        new_limit_fen=fields.integer("new_limit_fen", 0, _LIMIT_MAX),
        tac=fields.octets("tac", 4),
    )
    return bytes([right])


def _transaction(fields: Fields) -> dict[str, Any]:
    """What names a transaction of one card with its host."""
    return {
        "serial8": fields.octets("serial8", 8),
        "key_version": fields.integer("key_version", 0, 255),
        "online_atc": fields.integer("online_atc", 0, 0xFFFF),
        "terminal_no6": fields.octets("terminal_no6", 6),
        "when": fields.moment("when"),
    }


def _proof_of_card(fields: Fields) -> dict[str, Any]:
    """What the card said in its answer to INITIALIZE."""
    return {
        "rand4": fields.octets("rand4", 4),
        "balance_fen": fields.integer("balance_fen", 0, _MONEY_MAX),
        "mac1": fields.octets("mac1", 4),
    }


def _kind_of_load(fields: Fields) -> TransactionType:
    kind = fields.integer("kind", min(_LOADS), max(_LOADS))
    return TransactionType(kind)


PURSE_HANDLERS: Final[dict[Opcode, Callable[[KeyRing, bytes], bytes]]] = {
    Opcode.VERIFY_PURCHASE_TACS: _verify_purchase_tacs,
    Opcode.AUTHORISE_LOAD: _authorise_load,
    Opcode.VERIFY_LOAD_TAC: _verify_load_tac,
    Opcode.AUTHORISE_UNLOAD: _authorise_unload,
    Opcode.VERIFY_UNLOAD_MAC3: _verify_unload_mac3,
    Opcode.AUTHORISE_OVERDRAFT: _authorise_overdraft,
    Opcode.VERIFY_OVERDRAFT_TAC: _verify_overdraft_tac,
}
