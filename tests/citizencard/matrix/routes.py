"""Every address of the site, read off the URLconf itself, and asking for pages without drawing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

TO_SIGN_IN = ("/office/login/", "/login/", "/office/account/enrol/")


@dataclass(frozen=True)
class Route:
    """One pattern: where it is mounted, and under which name."""

    where: str
    name: str


def routes() -> Iterator[Route]:
    """All of them."""
    yield from _below(get_resolver(), "", "")


def _below(resolver: URLResolver, where: str, space: str) -> Iterator[Route]:
    for each in resolver.url_patterns:
        place = where + str(each.pattern)
        if isinstance(each, URLPattern):
            yield Route(place, f"{space}{each.name or ''}")
        else:
            yield from _below(each, place, f"{each.namespace}:" if each.namespace else space)


def is_open(answer: HttpResponse) -> bool:
    """Whether the caller was let in; that there is nothing behind the door, or that it was a form, is another matter."""
    if answer.status_code in (401, 403, 405):
        return False
    return not (300 <= answer.status_code < 400 and str(answer["Location"]).startswith(TO_SIGN_IN))


def opens(client: Client, method: str, path: str, **more: Any) -> bool:
    """Is `client` let in there?"""
    return is_open(client.generic(method, path, **more))
