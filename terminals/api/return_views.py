"""Purchases taken back: cancelled on their day, or refunded later."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from citizencard.core.problems import MEDIA_TYPE as PROBLEM
from terminals.api import online_schema as o
from terminals.api import schema
from terminals.api.answers import json_response
from terminals.api.fleet_views import read
from terminals.api.parsers import SmallJson
from terminals.api.views import TerminalView
from terminals.models import PurchaseReturn
from terminals.services.online.returns import Named, refund_purchase, reverse_purchase
from terminals.wire.reasons import REASONS

_OTHER_AMOUNT = {(422, PROBLEM): schema.problem_response("The purchase was over another amount")}
_PROBLEMS = schema.responses(400, 404, 409, 413, 415, 503)


class ReversalsView(TerminalView):
    """Cancellations."""

    parser_classes = (SmallJson,)

    @extend_schema(
        operation_id="post_reversal",
        request=o.ReversalBody,
        examples=[o.REVERSAL],
        responses={201: o.ReturnAnswer, **_OTHER_AMOUNT, **_PROBLEMS},
    )
    def post(self, request: Request) -> HttpResponse:
        """Cancel a purchase of this merchant's on its business day, whole. The same again gets the same answer."""
        asked = read(o.ReversalBody, request)
        purchase = _purchase(asked)
        given = reverse_purchase(terminal=self.terminal, purchase=purchase, **asked)
        return _answer(given, purchase, "reversed")


class RefundsView(TerminalView):
    """Refunds."""

    parser_classes = (SmallJson,)

    @extend_schema(
        operation_id="post_refund",
        request=o.RefundBody,
        examples=[o.REFUND],
        responses={201: o.ReturnAnswer, **_PROBLEMS},
    )
    def post(self, request: Request) -> HttpResponse:
        """Give some or all of a purchase back, as the channel's policy allows. The same again gets the same answer."""
        asked = read(o.RefundBody, request)
        purchase = _purchase(asked)
        given = refund_purchase(terminal=self.terminal, purchase=purchase, **asked)
        return _answer(given, purchase, "refunded")


def _purchase(asked: dict[str, Any]) -> Named:
    """Taken out of what was asked."""
    return Named(asked.pop("terminal_no"), asked.pop("terminal_seq"), asked.pop("card_no"))


def _answer(given: PurchaseReturn, purchase: Named, result: str) -> HttpResponse:
    answer = {
        "result": result,
        "order": given.order.number,
        "amount_fen": given.amount_fen,
        "terminal_no": purchase.terminal_no,
        "terminal_seq": purchase.terminal_seq,
        "card_no": purchase.card_no,
        "business_date": given.business_date.isoformat(),
        "reason": REASONS[result].to_dict(),
    }
    return json_response(answer, status=201)
