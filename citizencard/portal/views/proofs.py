"""What is proved: to everybody the heads and how to check them, to a holder the receipts of their own movements."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Citizen
from citizencard.portal.access import demand_shown, for_citizen, own_card
from settlement.selectors.proofs import newest_head
from settlement.selectors.receipts import balance_proof, transfer_receipt

_ID_MAX: Final = 2**63 - 1
_COMMAND: Final = "python3 verify.py keys.json heads.json receipt.json"


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """What the newest head says, and how to check a receipt without us."""
    return render(request, "portal/proofs.html", {"newest": newest_head(), "command": _COMMAND})


@require_safe
def verifier(request: HttpRequest) -> FileResponse:
    """The one file that checks everything."""
    program = settings.BASE_DIR / "docs" / "verify" / "verify.py"
    return FileResponse(program.open("rb"), as_attachment=True, filename="verify.py")


@require_safe
@for_citizen
def receipt(request: HttpRequest, citizen: Citizen, card_id: int, day: str, transfer_id: int) -> HttpResponse:
    """The receipt of one movement of an own card."""
    card = own_card(citizen, card_id)
    try:
        business_date = date.fromisoformat(day)
    except ValueError as error:
        raise Http404 from error
    if transfer_id > _ID_MAX:
        raise Http404
    demand_shown(card, business_date)
    accounts = [purse.account_id for purse in card.purses.all()]
    content = transfer_receipt(account_ids=accounts, day=business_date, transfer_id=transfer_id)
    return _file(content, f"receipt-{business_date}-{transfer_id}.json")


@require_safe
@for_citizen
def balance(request: HttpRequest, citizen: Citizen, card_id: int, kind: str) -> HttpResponse:
    """That a purse of an own card is counted in what the city owes."""
    card = own_card(citizen, card_id)
    purse = next((purse for purse in card.purses.all() if purse.kind == kind), None)
    if purse is None:
        raise Http404
    content = balance_proof(account_id=purse.account_id)
    return _file(content, f"balance-{kind}-{content['balance']['business_date']}.json")


def _file(content: dict[str, Any], name: str) -> HttpResponse:
    return HttpResponse(
        json.dumps(content, ensure_ascii=False, indent=1),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
