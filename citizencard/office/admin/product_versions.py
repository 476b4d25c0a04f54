"""Card products that wait for a second person, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminTextInputWidget

from accounts.models import CardProduct, ProductVersion
from accounts.services.products import OF_THE_SALE, RISING, approve_product, propose_product, refuse_product
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.admin.settlement_rules import content_table
from citizencard.office.reasons import ask_new
from citizencard.office.site import office
from citizencard.office.tables import Table


class _Dated(forms.ModelForm):  # type: ignore[type-arg]  # no class can be subscripted at run time
    """Terms of a product, since when and why; it is never saved."""

    valid_from = forms.DateField(label=_("valid from"), widget=UnfoldAdminDateWidget)
    legal_basis = forms.CharField(label=_("legal basis"), max_length=200, widget=UnfoldAdminTextInputWidget)

    def validate_unique(self) -> None:
        """The code of a product on sale may be given: the service says what may change of it."""


class ProposesProducts(ReadOnlyAdmin):
    """The step that proposes terms; `page` is where it is offered."""

    def propose_terms(
        self, request: HttpRequest, title: str, product: CardProduct | None, fields: Sequence[str] | str
    ) -> HttpResponse:
        """A form of the product's own fields, filled with what is in force."""

        def act(given: dict[str, Any]) -> ProductVersion:
            dated = {name: given.pop(name) for name in ("valid_from", "legal_basis")}
            code = product.code if product else given.pop("code")
            return propose_product(
                code=code, terms=given, maker=request.user.get_username(), now=timezone.now(), **dated
            )

        callback = partial(self.formfield_for_dbfield, request=request)
        form = forms.modelform_factory(CardProduct, _Dated, fields=fields, formfield_callback=callback)
        return ask_new(request, self, title=title, form=partial(form, instance=product), act=act)


@admin.register(ProductVersion, site=office)
class ProductVersionAdmin(DecidedAdmin, ProposesProducts):
    """Every version of every product: who wanted it, who agreed, since when it holds."""

    list_display = ["code", "valid_from", "state_label", "maker", "made_at", "checker", "applied_at"]
    may_propose, may_decide = "accounts.propose_product", "accounts.approve_product"
    list_filter = ["state", "code"]
    fields = ["code", "valid_from", "legal_basis", "applied_at", *DECISION]
    ordering = ["-pk"]

    @action(description=_("Propose a product"), permissions=["propose"], icon="add_card", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """A new kind of card."""
        return self.propose_terms(request, gettext("Propose a product"), None, "__all__")

    def tables(self, request: HttpRequest, obj: ProductVersion) -> list[Table]:
        """What it says."""
        return [content_table(obj.terms)]

    def agree(self, row: ProductVersion, checker: str) -> ProductVersion:
        """In force from its date on."""
        return approve_product(version=row, checker=checker)

    def turn_down(self, row: ProductVersion, checker: str, reason: str) -> ProductVersion:
        """It never will be."""
        return refuse_product(version=row, checker=checker, reason=reason)


class ProposesTerms(ProposesProducts):
    """The page of a product, where other terms of sale are proposed."""

    actions_detail = ["terms"]

    def has_terms_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose products?"""
        return request.user.has_perm("accounts.propose_product")

    @action(description=_("Propose other terms"), permissions=["terms"], icon="edit_document", variant=None)
    def terms(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Price, deposit, validity, name and higher limits from a date on."""
        product = self.object_of(request, object_id)
        return self.propose_terms(request, gettext("Propose other terms"), product, (*OF_THE_SALE, *RISING))


def versions_table(product: CardProduct) -> Table:
    """What was agreed to for a product, newest first."""
    versions = ProductVersion.objects.filter(code=product.code, state="approved").order_by("-valid_from")
    return Table(
        _("Versions"),
        [_("valid from"), _("terms"), _("proposed by"), _("checked by"), _("legal basis")],
        [
            [
                each.valid_from,
                ", ".join(f"{name} {value}" for name, value in each.terms.items()),
                each.maker,
                each.checker,
                each.legal_basis,
            ]
            for each in versions
        ],
    )
