"""Issuing a card at the counter, step by step. Every step is a transaction and can be repeated; nothing is half done.

Until the chip is written there is only the application: no person is registered, no consent and no money is booked. The
sale is booked in the transaction in which the card, written and read back, leaves the stock (`finish_issue`). The chip's
part is `terminals.services.issuing`.
"""

from accounts.services.issuing.asking import (
    add_photo,
    begin_issue,
    begin_replacement,
    check_person,
    photo_of,
    record_agreement,
    take_payment,
)
from accounts.services.issuing.steps import amounts_due
from accounts.services.issuing.writing import (
    begin_writing,
    cancel_issue,
    finish_issue,
    note_progress,
    spoil_card,
)

__all__ = [
    "add_photo",
    "amounts_due",
    "begin_issue",
    "begin_replacement",
    "begin_writing",
    "cancel_issue",
    "check_person",
    "finish_issue",
    "note_progress",
    "photo_of",
    "record_agreement",
    "spoil_card",
    "take_payment",
]
