"""One call of the API and its three outcomes: an answer of ours, a definite no, nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import stripe

from accounts.errors import GatewayDeclined, GatewayError, GatewayEventMismatch, GatewayUnavailable
from accounts.gateway.port import CURRENCY, GatewayRefund, Payment
from accounts.gateway.stripe_objects import UNREADABLE, Values

Ours = TypeVar("Ours")
Moved = TypeVar("Moved", Payment, GatewayRefund)


class Answer(Protocol):
    """What the library answers with."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON behind it."""


def asked(call: Callable[[], Answer], read: Callable[[Values], Ours]) -> Ours:
    """The answer to one call, read. Raises GatewayError, GatewayDeclined, GatewayUnavailable."""
    return _answered(lambda: read(call().to_dict()))


def paged(call: Callable[[], stripe.ListObject[Any]], read: Callable[[Values], Ours]) -> Iterator[Ours]:
    """All objects of a list, page after page as they are needed; nothing is asked before the first. Raises as `asked`."""
    items = _answered(lambda: (read(item.to_dict()) for item in call().auto_paging_iter()))
    while (item := _answered(lambda: next(items, None))) is not None:
        yield item


def as_asked(moved: Moved, *, amount_fen: int) -> Moved:
    """What was asked for, in amount and currency. Raises GatewayEventMismatch: the gateway did something else."""
    if moved.currency != CURRENCY:
        raise GatewayEventMismatch(field="currency")
    if moved.amount_fen != amount_fen:
        raise GatewayEventMismatch(field="amount")
    return moved


def declined(decline_code: str) -> GatewayDeclined:
    """The bank's no, now or when the same was asked before."""
    return GatewayDeclined(decline_code=decline_code, gateway_code="card_declined", gateway_status=402)


def _answered(call: Callable[[], Ours]) -> Ours:
    """Everything but a 4xx leaves open what has happened, also an answer nobody can read."""
    try:
        return call()
    except stripe.CardError as error:
        raise declined(_decline_code(error)) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise GatewayUnavailable from error
    except stripe.StripeError as error:
        status = error.http_status or 0
        if not 400 <= status < 500 or status == 409:  # 409: the same key is still being worked on
            raise GatewayUnavailable from error
        raise GatewayError(gateway_code=error.code or "", gateway_status=status) from error
    except UNREADABLE as error:
        raise GatewayUnavailable(field="answer") from error


def _decline_code(error: stripe.CardError) -> str:
    code = getattr(error.error, "decline_code", None)
    return str(code or error.code or "")
