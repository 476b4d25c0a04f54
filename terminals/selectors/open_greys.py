"""Purchases without proof that wait for evidence, as the refund guard asks for them."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import Card
from accounts.selectors.refund_blockers import SHADOW_BALANCE, Blocker, Blocking
from terminals.models import Grey, GreyStep


def grey_blockers(card: Card) -> list[Blocker]:
    """One blocker that names the counters of the card's open grey records; none without them."""
    closed = GreyStep.objects.exclude(state=GreyStep.State.OPEN).values("grey")
    waiting = Grey.objects.filter(card=card, steps__state=GreyStep.State.OPEN).exclude(pk__in=closed)
    counters = ", ".join(str(atc) for atc in waiting.order_by("atc").values_list("atc", flat=True).distinct())
    if not counters:
        return []
    reason = _("purchases without proof wait for evidence: counters %(counters)s") % {"counters": counters}
    return [Blocker(Blocking.GREY, reason, SHADOW_BALANCE)]
