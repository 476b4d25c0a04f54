"""Waiting top-ups go onto the card on the reader, at a terminal with a line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from terminals.card.apdu import ProofNotAvailable
from terminals.card.crypto import TransactionType
from terminals.card.profile import T_UNION
from terminals.card.purse import PurseSession
from terminals.program.client import CentreClient
from terminals.program.errors import CentreRefused

_PROBE_FEN = 1


def waiting_for(purse: PurseSession, centre: CentreClient, terminal_no: str, pin: str) -> dict[str, Any]:
    """What the centre knows of the card on the reader. Raises as `load_waiting`."""
    card_no = T_UNION.card_number(purse.identify())
    return centre.inquire(_initialised(purse, card_no, _PROBE_FEN, terminal_no, pin), _PROBE_FEN)


def load_waiting(*, purse: PurseSession, centre: CentreClient, terminal_no: str, pin: str) -> list[str]:
    """Put every waiting top-up onto the card; the numbers of those that are on it now, for the receipt.

    One that was torn before is settled first, by the chip's proof or by its counter. Raises CardError, TransportError (the
    card left: the next time settles it), CentreUnavailable, CentreRefused.
    """
    known, done = waiting_for(purse, centre, terminal_no, pin), []
    card_no = known["card_no"]
    for waiting in known["waiting"]:
        if not _proved(purse, centre, card_no, waiting):
            chip = _initialised(purse, card_no, waiting["amount_fen"], terminal_no, pin)
            _load(purse, centre, chip, waiting["order"])
        done.append(str(waiting["order"]))
    return done


def _proved(purse: PurseSession, centre: CentreClient, card_no: str, waiting: dict[str, Any]) -> bool:
    """Whether an unfinished load is on the card after all."""
    if waiting["unfinished_atc"] is None:
        return False
    try:
        proof = purse.transaction_prove(TransactionType.LOAD, waiting["unfinished_atc"] + 1)
    except ProofNotAvailable:
        return False
    centre.confirm_load(card_no, waiting["order"], proof.tac.hex().upper())
    return True


def _load(purse: PurseSession, centre: CentreClient, chip: dict[str, Any], order: str) -> None:
    try:
        begun = centre.begin_load(chip, order)
    except CentreRefused as refusal:
        if refusal.code == "already_loaded":  # the counter says so
            return
        raise
    tac = purse.credit_for_load(datetime.fromisoformat(begun["when"]), bytes.fromhex(begun["mac2"]))
    centre.confirm_load(chip["card_no"], order, tac.hex().upper())


def _initialised(
    purse: PurseSession, card_no: str, amount_fen: int, terminal_no: str, pin: str
) -> dict[str, Any]:
    """The chip's answer to INITIALIZE FOR LOAD as the centre reads it."""
    purse.verify_pin(pin)  # a load uses it up
    init = purse.init_load(amount_fen, bytes.fromhex(terminal_no))
    return {
        "card_no": card_no,
        "balance_fen": init.balance_fen,
        "online_atc": init.online_atc,
        "key_version": init.key_version,
        "rand": init.rand.hex().upper(),
        "mac1": init.mac1.hex().upper(),
    }
