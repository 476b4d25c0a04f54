"""Answers as bytes: the same content is the same bytes each time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from citizencard.core.errors import NotFound
from citizencard.core.problems import MEDIA_TYPE as PROBLEM
from citizencard.core.problems import problem_of


def told_answer(answer: Mapping[str, Any]) -> HttpResponse:
    """An answer that is stored as it is told; a refusal has the status that stands in it."""
    return json_response(answer, status=answer.get("status", 200))


def json_response(content: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """JSON with sorted names: a database keeps no order of names, and a repeated answer must be the same bytes."""
    body = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    media_type = "application/json" if status < 400 else PROBLEM
    length = {"Content-Length": str(len(body))}  # a purchase at once passes nobody else who would say it
    return HttpResponse(body, status=status, content_type=media_type, headers=length)


@csrf_exempt
def no_such_address(request: HttpRequest) -> HttpResponse:
    """A program is told in its own form what a person would be told by a page."""
    return json_response(problem_of(NotFound(what=request.path)), status=404)
