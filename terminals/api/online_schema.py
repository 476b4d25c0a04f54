"""Bodies and answers of what a terminal does with a card on its reader besides paying."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers as s

from terminals.api.bodies import Body
from terminals.api.schema import Reason

MONEY_MAX = 0x7FFF_FFFF
_CARD = {"card_no": "3104397000000000001"}
_CHIP = {
    **_CARD, "balance_fen": 800, "online_atc": 3, "key_version": 1, "rand": "5A3C19E0", "mac1": "A1B2C3D4",
}  # fmt: skip
_PURCHASE = {"terminal_no": "397000000101", "terminal_seq": 17, **_CARD, "amount_fen": 200}
_WHEN = {"occurred_at": "2026-03-02T12:05:00+08:00"}
INQUIRY = OpenApiExample("A card on the reader", {**_CHIP, "amount_fen": 1}, request_only=True)
LOAD = OpenApiExample("A waiting order", {**_CHIP, "order": "TU202603020A1B2C3D4E5F"}, request_only=True)
PROOF = OpenApiExample("The chip's TAC", {**_CARD, "tac": "0BADF00D"}, request_only=True)
NO_ANSWER = OpenApiExample("The chip gave no answer", {**_CARD, "tac": None}, request_only=True)
REVERSAL = OpenApiExample("The whole purchase", {**_PURCHASE, **_WHEN}, request_only=True)
REFUND = OpenApiExample(
    "A part of it", {**_PURCHASE, "amount_fen": 50, "number": 1, **_WHEN}, request_only=True
)
ORDER_NO = r"^[A-Za-z0-9]{1,32}$"


class ChipOnReader(Body):
    """The chip's answer to INITIALIZE FOR LOAD over some amount; byte strings in upper-case hexadecimal."""

    card_no = s.RegexField(r"^[0-9]{19}$")
    balance_fen = s.IntegerField(min_value=0, max_value=MONEY_MAX)
    online_atc = s.IntegerField(min_value=0, max_value=0xFFFF, help_text="Online counter before the load")
    key_version = s.IntegerField(min_value=0, max_value=255)
    rand = s.RegexField(r"^[0-9A-F]{8}$")
    mac1 = s.RegexField(r"^[0-9A-F]{8}$")


class InquiryBody(ChipOnReader):
    """The chip's answer to INITIALIZE FOR LOAD over `amount_fen`, as its proof that it is there."""

    amount_fen = s.IntegerField(min_value=1, max_value=MONEY_MAX, help_text="Any amount: 1 will do")


class WaitingOrder(s.Serializer[Any]):
    """A top-up for this chip; an unfinished one has been begun at the counter `unfinished_atc`."""

    order = s.CharField()
    amount_fen = s.IntegerField()
    unfinished_atc = s.IntegerField(allow_null=True)


class InquiryAnswer(s.Serializer[Any]):
    """State of the card; amounts of an open one only."""

    card_no = s.CharField()
    state = s.ChoiceField(["open", "listed", "not_active"])
    as_of = s.DateTimeField()
    balance_fen = s.IntegerField(
        allow_null=True, help_text="By the books; uploads on their way are not in it"
    )
    waiting_fen = s.IntegerField(allow_null=True)
    waiting = WaitingOrder(many=True)


class LoadBody(ChipOnReader):
    """The chip's answer to INITIALIZE FOR LOAD over the order's amount."""

    order = s.RegexField(ORDER_NO)


class LoadAnswer(s.Serializer[Any]):
    """What CREDIT FOR LOAD is sent with: the time as the chip writes it, and MAC2."""

    order = s.CharField()
    card_no = s.CharField()
    amount_fen = s.IntegerField()
    online_atc = s.IntegerField()
    when = s.DateTimeField(help_text="Beijing time: date and time of CREDIT FOR LOAD")
    mac2 = s.CharField()


class LoadProof(Body):
    """The TAC that the chip answered, or null when it gave no answer."""

    card_no = s.RegexField(r"^[0-9]{19}$")
    tac = s.RegexField(r"^[0-9A-F]{8}$", allow_null=True)


class LoadResult(s.Serializer[Any]):
    """Where the order stands: `confirmed`, or not yet."""

    order = s.CharField()
    card_no = s.CharField()
    amount_fen = s.IntegerField()
    state = s.ChoiceField(["paid", "loaded", "confirmed", "reversed"])
    reason = Reason()


class ReversalBody(Body):
    """The purchase as its receipt names it, and its whole amount."""

    terminal_no = s.RegexField(r"^[0-9A-F]{12}$", help_text="Of the SAM that made the purchase")
    terminal_seq = s.IntegerField(min_value=0, max_value=0xFFFF_FFFF)
    card_no = s.RegexField(r"^[0-9]{19}$")
    amount_fen = s.IntegerField(min_value=1, max_value=MONEY_MAX)
    occurred_at = s.DateTimeField(help_text="The terminal's clock, with offset")


class RefundBody(ReversalBody):
    """The purchase, and how much of it; `number` is a running number of this terminal for its refunds."""

    number = s.IntegerField(min_value=0, max_value=2**63 - 1)


class ReturnAnswer(s.Serializer[Any]):
    """What is given back waits as a top-up of that number for the card."""

    result = s.ChoiceField(["reversed", "refunded"])
    order = s.CharField()
    amount_fen = s.IntegerField()
    terminal_no = s.CharField()
    terminal_seq = s.IntegerField()
    card_no = s.CharField()
    business_date = s.DateField()
    reason = Reason()
