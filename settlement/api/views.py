"""What is proved to everybody: signed heads, their keys, consistency. No sign-in; cached by ETag, and not too often."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from django.http import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from citizencard.core.errors import InvalidField
from settlement.api import schema
from settlement.selectors.proofs import consistency, published_heads, published_keys
from terminals.api.answers import json_response
from terminals.api.fare_views import CACHED, FareThrottle, PublicView
from terminals.api.schema import responses

HEADS: Final = 100
"""Heads in one answer."""
_DIGITS: Final = 18


class ProofThrottle(FareThrottle):
    """So often for one address."""

    scope = "proofs"
    rate = "120/min"


class _ProofView(PublicView):
    throttle_classes = (ProofThrottle,)


class ProofKeysView(_ProofView):
    """Public keys."""

    @extend_schema(
        operation_id="get_proof_keys",
        auth=[],
        responses={200: schema.ProofKeys, 304: None, **responses(429)},
    )
    def get(self, request: Request) -> HttpResponseBase | None:
        """Every key that a signed head, or a manifest of settlement files, was signed with."""
        return _answer(request, published_keys())


class ProofHeadsView(_ProofView):
    """Signed heads."""

    @extend_schema(
        operation_id="get_proof_heads",
        auth=[],
        parameters=[
            OpenApiParameter("after", int, description="heads of more than so many dates; 0 for all")
        ],
        responses={200: schema.ProofHeads, 304: None, **responses(422, 429)},
    )
    def get(self, request: Request) -> HttpResponseBase | None:
        """Up to a hundred heads, oldest first; ask again after the last one for more."""
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= _DIGITS):
            raise InvalidField("after", _("is no number of dates"))
        return _answer(request, {"kind": "heads", "heads": published_heads(after=int(after), limit=HEADS)})


class ConsistencyView(_ProofView):
    """Consistency of two logs."""

    @extend_schema(
        operation_id="get_proof_consistency",
        auth=[],
        responses={200: schema.ProofConsistency, 304: None, **responses(404, 429)},
    )
    def get(self, request: Request, before: int, size: int) -> HttpResponseBase | None:
        """That the log of `size` dates is the log of `before` dates, continued."""
        return _answer(request, consistency(before=before, size=size))


def _answer(request: Request, content: dict[str, Any]) -> HttpResponseBase | None:
    body = json_response(content)
    etag = f'"{hashlib.sha256(body.content).hexdigest()}"'
    answer = get_conditional_response(request._request, etag=etag, response=body)
    if answer is not None:
        answer["ETag"], answer["Cache-Control"] = etag, CACHED
    return answer
