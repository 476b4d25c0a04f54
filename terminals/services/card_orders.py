"""A card order at the bureau: one enciphered file for each carton. Files and answer: docs/bureau.md."""

from __future__ import annotations

from accounts.errors import IllegalCardOrderStep
from accounts.models import CardOrder
from accounts.services.card_orders import mark_sent
from terminals.services.bureau import CARDS_MAX, BureauFile, order_batch


def write_order(
    *, order: CardOrder, certificate_pem: bytes, actor: str, again: bool = False
) -> list[BureauFile]:
    """The order's files, a carton of at most CARDS_MAX cards each, in the order of card numbers; the order is sent then.

    Broken off, it is begun again with `again`, as after it: files of the same cards have the same batch numbers. Raises
    IllegalCardOrderStep, and what `order_batch` raises.
    """
    if order.state not in (CardOrder.State.APPROVED, CardOrder.State.SENT):
        raise IllegalCardOrderStep(source=order.get_state_display(), target=CardOrder.State.SENT.label)
    numbers = list(order.items.order_by("card__pan").values_list("card__pan", flat=True))
    cartons = [numbers[begin : begin + CARDS_MAX] for begin in range(0, len(numbers), CARDS_MAX)]
    files = [
        order_batch(card_numbers=carton, certificate_pem=certificate_pem, actor=actor, again=again)
        for carton in cartons
    ]
    named = {file.batch.number: carton for file, carton in zip(files, cartons, strict=True)}
    mark_sent(order=order, cartons=named, actor=actor)
    return files
