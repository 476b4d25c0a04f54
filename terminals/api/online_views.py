"""A card on the reader besides paying: what waits for it, and putting that onto it in two steps."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.models import TopUpOrder
from citizencard.core.calendar import shanghai
from citizencard.core.problems import MEDIA_TYPE as PROBLEM
from terminals.api import online_schema as o
from terminals.api import schema
from terminals.api.answers import json_response
from terminals.api.fleet_views import read
from terminals.api.parsers import SmallJson
from terminals.api.views import TerminalView
from terminals.services.online.inquiry import inquire
from terminals.services.online.loading import ChipAnswer, begin_load, finish_load
from terminals.wire.reasons import REASONS

_UNPROVED = {(422, PROBLEM): schema.problem_response("The card's MAC or TAC is wrong")}


class InquiriesView(TerminalView):
    """Cards on a reader."""

    parser_classes = (SmallJson,)

    @extend_schema(
        operation_id="post_inquiry",
        request=o.InquiryBody,
        examples=[o.INQUIRY],
        responses={200: o.InquiryAnswer, **_UNPROVED, **schema.responses(400, 404, 409, 413, 415, 429, 503)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask for the balance by the books and for top-ups that wait; the card proves by its MAC1 that it is there."""
        asked = read(o.InquiryBody, request)
        told = inquire(
            terminal=self.terminal,
            card_no=asked["card_no"],
            amount_fen=asked["amount_fen"],
            chip=_chip_answer(asked),
        )
        is_open = told.state == "open"
        answer = {
            "card_no": asked["card_no"],
            "state": told.state,
            "as_of": shanghai(told.as_of).isoformat(timespec="seconds"),
            "balance_fen": told.balance_fen,
            "waiting_fen": sum(order.amount_fen for order in told.waiting) if is_open else None,
            "waiting": [
                {"order": order.number, "amount_fen": order.amount_fen, "unfinished_atc": _begun_at(order)}
                for order in told.waiting
            ],
        }
        return json_response(answer)


class LoadsView(TerminalView):
    """Top-ups onto the chip: the first step."""

    parser_classes = (SmallJson,)

    @extend_schema(
        operation_id="post_load",
        request=o.LoadBody,
        examples=[o.LOAD],
        responses={200: o.LoadAnswer, **_UNPROVED, **schema.responses(400, 404, 409, 413, 415, 503)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask for the MAC2 of a waiting order. The same again gets the same answer while the chip stands where it stood."""
        asked = read(o.LoadBody, request)
        begun = begin_load(
            terminal=self.terminal,
            card_no=asked["card_no"],
            number=asked["order"],
            chip=_chip_answer(asked),
        )
        answer = {
            "order": begun.order.number,
            "card_no": asked["card_no"],
            "amount_fen": begun.order.amount_fen,
            "online_atc": asked["online_atc"],
            "when": shanghai(begun.when).isoformat(timespec="seconds"),
            "mac2": begun.mac2.hex().upper(),
        }
        return json_response(answer)


class LoadConfirmationView(TerminalView):
    """Top-ups onto the chip: the second step."""

    parser_classes = (SmallJson,)

    @extend_schema(
        operation_id="confirm_load",
        request=o.LoadProof,
        examples=[o.PROOF, o.NO_ANSWER],
        responses={200: o.LoadResult, **_UNPROVED, **schema.responses(400, 404, 409, 413, 415, 503)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        """Hand in the chip's TAC, or say that it gave no answer: then the card's next load settles it."""
        proof = read(o.LoadProof, request)
        tac = None if proof["tac"] is None else bytes.fromhex(proof["tac"])
        order = finish_load(card_no=proof["card_no"], number=number, tac=tac)
        done = order.state == TopUpOrder.State.CONFIRMED
        answer = {
            "order": order.number,
            "card_no": proof["card_no"],
            "amount_fen": order.amount_fen,
            "state": order.state,
            "reason": REASONS["loaded" if done else "load_open"].to_dict(),
        }
        return json_response(answer)


def _chip_answer(asked: dict[str, Any]) -> ChipAnswer:
    return ChipAnswer(
        balance_fen=asked["balance_fen"],
        online_atc=asked["online_atc"],
        key_version=asked["key_version"],
        rand=bytes.fromhex(asked["rand"]),
        mac1=bytes.fromhex(asked["mac1"]),
    )


def _begun_at(order: TopUpOrder) -> int | None:
    return order.online_atc if order.state == TopUpOrder.State.LOADED else None
