"""The terminal API: views translate and call one service or selector."""

from __future__ import annotations

from typing import ClassVar, cast

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from citizencard.core.calendar import shanghai
from citizencard.core.errors import NotFound
from citizencard.core.problems import MEDIA_TYPE as PROBLEM
from terminals.api import schema
from terminals.api.answers import json_response, told_answer
from terminals.api.authentication import TerminalPrincipal
from terminals.api.limits import BATCH_BYTES, TAP_BYTES
from terminals.api.parsers import BatchParser, RecordParser, TxnParser
from terminals.models import Batch, Terminal
from terminals.selectors.batches import find_batch
from terminals.selectors.hotlist import hot_list_version
from terminals.services.acceptance import accept_batch, accept_tap
from terminals.services.field import note_seen
from terminals.wire.batch import MEDIA_TYPE as NDJSON
from terminals.wire.txn import MEDIA_TYPE as TXN


class TerminalView(APIView):
    """A view that a terminal has signed in to."""

    body_limit: ClassVar[int] = 1024

    @property
    def terminal(self) -> Terminal:
        """The terminal whose signature was verified."""
        principal = cast(TerminalPrincipal, self.request.user)
        return principal.terminal

    @property
    def body(self) -> bytes:
        """The body as signed. Raises UnsupportedMediaType; an empty body never reaches a parser."""
        data: object = self.request.data
        return data if isinstance(data, bytes) else b""


class TapsView(TerminalView):
    """Online purchases."""

    parser_classes = (RecordParser,)
    body_limit = TAP_BYTES

    @extend_schema(
        operation_id="post_tap",
        request={"application/json": schema.TapRecord},
        responses={
            200: schema.TapAnswer,
            (422, PROBLEM): schema.problem_response("The purchase is rejected", schema.RefusedTap),
            **schema.responses(409, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Report one purchase as it happens. The same record again gets the same answer.

        What is simply accepted never comes here, see :mod:`terminals.api.at_once`.
        """
        return stored_answer(accept_tap(terminal=self.terminal, body=self.body))


class BatchesView(TerminalView):
    """Offline purchases, uploaded later."""

    parser_classes = (BatchParser, TxnParser)
    body_limit = BATCH_BYTES

    @extend_schema(
        operation_id="post_batch",
        request={NDJSON: OpenApiTypes.STR, TXN: OpenApiTypes.STR},
        responses={
            200: schema.BatchAnswer,
            (422, PROBLEM): schema.problem_response("The batch is refused as a whole", schema.RefusedBatch),
            **schema.responses(409, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Upload a batch: a header line `{"batch_no", "count", "total_fen"}`, then one tap record per line.

        Or the same in the fixed columns of the TXN form; either may be sent with `Content-Encoding: gzip`.
        """
        # An empty body has perhaps no type at all, and is refused in either form.
        media_type = TXN if request._request.content_type == TXN else NDJSON
        return stored_answer(accept_batch(terminal=self.terminal, body=self.body, media_type=media_type))


class BatchView(TerminalView):
    """One upload."""

    @extend_schema(
        operation_id="get_batch",
        responses={
            200: schema.BatchAnswer,
            (422, PROBLEM): schema.problem_response("The batch was refused as a whole", schema.RefusedBatch),
            **schema.responses(404),
        },
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        """The answer this terminal's batch got, for a terminal that missed it."""
        batch = find_batch(terminal=self.terminal, number=number)
        if batch is None:
            raise NotFound(what=f"batch {number}")
        return stored_answer(batch)


class StandingView(TerminalView):
    """Who a terminal is."""

    @extend_schema(operation_id="get_terminal", responses={200: schema.TerminalAnswer, **schema.responses()})
    def get(self, request: Request) -> HttpResponse:
        """Place, state, clock, and the version of the hot list. What it works by comes in signed documents."""
        terminal = self.terminal
        note_seen(terminal=terminal)
        return json_response(
            {
                "code": terminal.code,
                "terminal_no": terminal.terminal_no,
                "state": terminal.state,
                "place": terminal.place,
                "merchant": terminal.merchant.name,
                "channel": terminal.merchant.channel,
                "clock": shanghai(timezone.now()).isoformat(timespec="seconds"),
                "hot_list_version": hot_list_version(),
            }
        )


def stored_answer(batch: Batch) -> HttpResponse:
    """The answer of a batch, the same bytes each time; a refusal has the status that stands in it."""
    return told_answer(batch.answer)
