"""Bodies and answers of what a terminal does with a card on its reader besides paying."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from terminals.api.schema import Reason

MONEY_MAX = 0x7FFF_FFFF
ORDER_NO = r"^[A-Za-z0-9]{1,32}$"


class ChipOnReader(s.Serializer[Any]):
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


class LoadProof(s.Serializer[Any]):
    """The TAC that the chip answered, or null when it gave no answer."""

    card_no = s.RegexField(r"^[0-9]{19}$")
    tac = s.RegexField(r"^[0-9A-F]{8}$", allow_null=True)


class LoadResult(s.Serializer[Any]):
    """Where the order stands: `confirmed`, or not yet."""

    order = s.CharField()
    card_no = s.CharField()
    amount_fen = s.IntegerField()
    state = s.ChoiceField(["paid", "loaded", "confirmed", "reversed", "init"])
    reason = Reason()
