"""Fares for everybody: published documents, and what a ride costs by them. No sign-in; cached by ETag, and not too often."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any, Final

from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from citizencard.core.errors import InvalidField, NotFound
from terminals.api import fare_schema, schema
from terminals.api.answers import json_response
from terminals.fares.charge import Charge
from terminals.fares.documents import LANGUAGES
from terminals.fares.words import explain
from terminals.models import FareDocument
from terminals.selectors.fare_quote import ASKED, quote_fare
from terminals.selectors.fares import book_stamp, documents_on, live_documents

CACHED: Final = "public, max-age=300"
_QUERY: Final = [
    OpenApiParameter(name, OpenApiTypes.STR, required=name == "tariff", description="see docs/fares.md")
    for name in ASKED
]


class FareThrottle(SimpleRateThrottle):
    """So often for one address."""

    scope = "fares"
    rate = "120/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """By where the request comes from."""
        ident = request.META.get("REMOTE_ADDR", "")
        return self.cache_format % {"scope": self.scope, "ident": hashlib.sha256(ident.encode()).hexdigest()}


class PublicView(APIView):
    """A view for everybody."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (FareThrottle,)


class FareDocumentsView(PublicView):
    """Published fare documents."""

    @extend_schema(
        operation_id="get_fare_documents",
        auth=[],
        parameters=[
            OpenApiParameter(
                "date", OpenApiTypes.DATE, description="those that hold on a day; all where none is given"
            )
        ],
        responses={200: fare_schema.FareDocuments, 304: None, **schema.responses(422, 429)},
    )
    def get(self, request: Request) -> HttpResponseBase | None:
        """Documents with their digests; 304 when If-None-Match has them already."""
        day = _day(request.query_params.get("date"))
        etag = f'"{book_stamp()}-{day or "all"}"'
        if unchanged := get_conditional_response(request._request, etag=etag):
            return _cached(unchanged, etag)
        found = documents_on(day) if day else live_documents()
        entries = [
            {
                "document": each.content,
                "sha256": each.sha256,
                "href": reverse("fare-document", args=[each.code, each.version]),
            }
            for each in found
        ]
        return _cached(json_response({"date": day.isoformat() if day else None, "documents": entries}), etag)


class FareDocumentView(PublicView):
    """One version of one document."""

    @extend_schema(
        operation_id="get_fare_document",
        auth=[],
        responses={200: OpenApiTypes.OBJECT, 304: None, **schema.responses(404, 429)},
    )
    def get(self, request: Request, code: str, version: int) -> HttpResponseBase | None:
        """Its canonical bytes, exactly: their SHA-256 is the digest that derivations name."""
        found = FareDocument.objects.filter(code=code, version=version, withdrawn_at=None).first()
        if found is None:
            raise NotFound(what=f"{code} v{version}")
        etag = f'"{found.sha256}"'
        body = HttpResponse(bytes(found.canonical), content_type="application/json")
        return _cached(get_conditional_response(request._request, etag=etag, response=body), etag)


class FareQuoteView(PublicView):
    """What a ride costs."""

    @extend_schema(
        operation_id="get_fare_quote",
        auth=[],
        parameters=_QUERY,
        responses={200: fare_schema.FareQuote, 304: None, **schema.responses(422, 429)},
    )
    def get(self, request: Request) -> HttpResponseBase | None:
        """The price with its steps in three languages, and the derivation that anybody can work out again."""
        content = quote_content(quote_fare(request.query_params.dict()))
        etag = f'"{content["sha256"]}"'
        return _cached(
            get_conditional_response(request._request, etag=etag, response=json_response(content)), etag
        )


def quote_content(charge: Charge) -> dict[str, Any]:
    """A charge as it is answered."""
    return {
        "amount_fen": charge.amount_fen,
        "full_fen": charge.full_fen,
        "explanation": {
            language: [{"text": text, "amount_fen": fen} for text, fen in explain(charge, language)]
            for language in LANGUAGES
        },
        "derivation": charge.derivation(),
        "sha256": hashlib.sha256(charge.canonical()).hexdigest(),
    }


def _cached(response: HttpResponseBase | None, etag: str) -> HttpResponseBase | None:
    if response is not None:
        response["ETag"] = etag
        response["Cache-Control"] = CACHED
    return response


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise InvalidField("date", _("is no date like 2026-03-02")) from error
