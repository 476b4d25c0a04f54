"""Signed documents and the signed time, see `terminals.wire.lists`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from citizencard.core.errors import NotFound
from citizencard.core.problems import MEDIA_TYPE as PROBLEM
from citizencard.core.problems import problem
from terminals.api import schema
from terminals.api.answers import json_response
from terminals.api.parsers import BatchParser
from terminals.api.views import TerminalView
from terminals.errors import LineRefused
from terminals.models import DocumentKind
from terminals.services.field import note_list_applied
from terminals.services.greys import accept_greys
from terminals.services.publishing import document_for, signed_time
from terminals.services.ride_codes import accept_rides
from terminals.wire.batch import MEDIA_TYPE as NDJSON
from terminals.wire.lists import MEDIA_TYPE
from terminals.wire.reasons import REASONS

LINES_BYTES: Final = 1024 * 1024
"""Room for as many lines as are taken."""
_RESULTS: Final = {"paid": "accepted", "claimed": "accepted", "duplicate": "duplicate"}
_WORDS: Final = {"paid": "accepted", "claimed": "over_balance"}
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_SIGNED: Final = {(200, MEDIA_TYPE): OpenApiTypes.BINARY}


class DocumentView(TerminalView):
    """What the centre publishes, signed."""

    @extend_schema(
        operation_id="get_document",
        parameters=[
            OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=DocumentKind.values),
            OpenApiParameter("since", int, OpenApiParameter.PATH, description="Version held; 0 for none"),
        ],
        responses={**_SIGNED, 204: None, 304: None, **schema.responses(404, 503)},
    )
    def get(self, request: Request, kind: str, since: int) -> HttpResponseBase:
        """The document that follows the version held, or the difference to it; 204 when there is none.

        To ask for what follows a version is to say that it is applied.
        """
        if kind not in DocumentKind.values:
            raise NotFound(what=f"document {kind}")
        if kind == DocumentKind.HOT_LIST:
            note_list_applied(terminal=self.terminal, version=since)
        answer = document_for(terminal=self.terminal, kind=kind, since=since)
        if answer is None:
            return HttpResponse(status=204)
        not_modified: HttpResponseBase | None = get_conditional_response(request._request, etag=answer.etag)
        if not_modified is not None and not_modified.status_code == 304:
            not_modified["ETag"] = answer.etag
            return not_modified
        return HttpResponse(answer.body(), content_type=MEDIA_TYPE, headers={"ETag": answer.etag})


class TimeView(TerminalView):
    """What time it is."""

    @extend_schema(
        operation_id="get_time",
        parameters=[
            OpenApiParameter(
                "nonce", str, OpenApiParameter.PATH, description="32 hexadecimal digits, new each time"
            )
        ],
        responses={**_SIGNED, **schema.responses(404, 503)},
    )
    def get(self, request: Request, nonce: str) -> HttpResponse:
        """The centre's time, signed together with the terminal's nonce."""
        if not _NONCE.fullmatch(nonce):
            raise NotFound(what="a nonce that is not 32 hexadecimal digits")
        return HttpResponse(signed_time(nonce=nonce), content_type=MEDIA_TYPE)


class GreysView(TerminalView):
    """Purchases without proof."""

    parser_classes = (BatchParser,)
    body_limit = LINES_BYTES

    @extend_schema(
        operation_id="post_greys",
        request={NDJSON: OpenApiTypes.STR},
        responses={
            200: schema.GreysAnswer,
            (422, PROBLEM): schema.problem_response("A line cannot be read; none is kept"),
            **schema.responses(413, 415),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Report purchases that have no proof, up to 1,000, one JSON object a line. Telling again is no change."""
        return _taken_or_refused(lambda: {"received": accept_greys(terminal=self.terminal, body=self.body)})


class RidesView(TerminalView):
    """Rides paid by ride code."""

    parser_classes = (BatchParser,)
    body_limit = LINES_BYTES

    @extend_schema(
        operation_id="post_rides",
        request={NDJSON: OpenApiTypes.STR},
        responses={
            200: schema.RidesAnswer,
            (422, PROBLEM): schema.problem_response("A line cannot be read; none is taken"),
            **schema.responses(413, 415, 503),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Report rides paid by ride code, up to 1,000, one JSON object a line. Telling again is no change."""

        def taken() -> dict[str, Any]:
            outcomes = accept_rides(terminal=self.terminal, body=self.body)
            results = [
                {"line": line, "result": _RESULTS.get(outcome, "rejected"), "reason": _reason(outcome)}
                for line, outcome in enumerate(outcomes, start=1)
            ]
            return {"received": len(outcomes), "rides": results}

        return _taken_or_refused(taken)


def _reason(outcome: str) -> dict[str, str]:
    return REASONS[_WORDS.get(outcome, outcome)].to_dict()


def _taken_or_refused(take: Callable[[], dict[str, Any]]) -> HttpResponse:
    try:
        return json_response(take())
    except LineRefused as refusal:
        told = problem(refusal.status, refusal.code, str(refusal), rule=refusal.rule, **refusal.data)
        return json_response(told, status=refusal.status)
