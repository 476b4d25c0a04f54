"""Card products by two people, and by date: one proposes, another agrees, and on the day the terms are in force.

What a card in somebody's hands was promised stays: kind and overdraft are a product's for good, and others are another
product; a limit rises and never falls, for all its cards at once. Price, deposit, validity and name are terms of the next sale.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import CardProduct, ProductVersion
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.states import lock_row
from citizencard.core.two_people import approve, refuse

OF_THE_SALE: Final = ("name", "price_fen", "deposit_fen", "validity_years")
"""What may change of a product that is on sale."""
RISING: Final = ("balance_limit_fen", "account_limit_fen")
"""What may only rise, from something."""
State = ProductVersion.State


@transaction.atomic
def propose_product(
    *, code: str, terms: Mapping[str, Any], valid_from: date, legal_basis: str, maker: str, now: datetime
) -> ProductVersion:
    """Ask for a new product with `terms`, fields of CardProduct, or for other terms of sale of one there is. Audited.

    Raises InvalidField naming what cannot stand: a date not after today, a limit of a product on sale.
    """
    if valid_from <= shanghai(now).date():
        raise InvalidField("valid_from", _("a product begins after today"))
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("a policy needs a reason"))
    _checked(code, terms)
    version = ProductVersion.objects.create(
        code=code, terms=dict(terms), valid_from=valid_from, legal_basis=legal_basis, maker=maker
    )
    _audit(version, "product.propose", maker)
    return version


@transaction.atomic
def approve_product(*, version: ProductVersion, checker: str) -> ProductVersion:
    """Agree: the terms are in force on their date. Audited.

    Raises MakerIsChecker, AlreadyDecided, InvalidField when they can no longer stand, Conflict when the date has another version.
    """
    current = lock_row(version)
    taken = ProductVersion.objects.filter(
        code=current.code, valid_from=current.valid_from, state=State.APPROVED
    )
    if taken.exclude(pk=current.pk).exists():
        raise Conflict(what=str(current))
    approve(current, checker=checker)
    _checked(current.code, current.terms)
    _audit(current, "product.approve", checker)
    return current


@transaction.atomic
def refuse_product(*, version: ProductVersion, checker: str, reason: str) -> ProductVersion:
    """Send it back for good. Raises MakerIsChecker, AlreadyDecided. Audited."""
    current = refuse(lock_row(version), checker=checker, answer=reason)
    _audit(current, "product.refuse", checker)
    return current


@transaction.atomic
def apply_products(*, now: datetime) -> int:
    """Put in force what was agreed to and whose date has come, in the order of the dates; how many. Again changes nothing."""
    due = ProductVersion.objects.filter(
        state=State.APPROVED, applied_at=None, valid_from__lte=shanghai(now).date()
    )
    count = 0
    for version in due.select_for_update(no_key=True).order_by("valid_from", "pk"):
        CardProduct.objects.update_or_create(code=version.code, defaults=version.terms)
        version.applied_at = now
        version.save(update_fields=["applied_at"])
        _audit(version, "product.in_force", version.checker)
        count += 1
    return count


def _checked(code: str, terms: Mapping[str, Any]) -> None:
    """Raises InvalidField for the first thing that cannot stand."""
    product = CardProduct.objects.filter(pk=code).first()
    fields = {field.name for field in CardProduct._meta.concrete_fields} - {"code"}
    if unknown := set(terms) - fields:
        raise InvalidField(min(unknown), _("no such field"))
    if product is None and (missing := fields - set(terms)):
        raise InvalidField(min(missing), _("a new product needs all its terms"))
    for name, value in terms.items():
        if product is not None and not _may_become(name, getattr(product, name), value):
            raise InvalidField(
                name, _("a product on sale keeps it, a limit only rises; else it is another product")
            )
    planned = product or CardProduct(code=code)
    for name, value in terms.items():
        setattr(planned, name, value)
    try:
        planned.full_clean(validate_unique=False)
    except ValidationError as error:
        name, reasons = next(iter(error.message_dict.items()))
        raise InvalidField(name, " ".join(reasons)) from error


def _may_become(name: str, before: Any, value: Any) -> bool:
    rises = name in RISING and type(value) is int and 0 < before < value
    return name in OF_THE_SALE or before == value or rises


def _audit(version: ProductVersion, action: str, actor: str) -> None:
    detail = {
        "code": version.code,
        "valid_from": version.valid_from,
        "answer": version.answer,
        **version.terms,
    }
    record_audit(actor=actor, action=action, subject=f"product:{version.code}", detail=detail)
