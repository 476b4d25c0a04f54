"""The citizen's pages."""

from __future__ import annotations

from django.urls import path

from citizencard.portal.views import (
    account,
    blocks,
    cards,
    family,
    fares,
    losses,
    mandates,
    notices,
    online,
    passes,
    proofs,
    refunds,
    ride_code,
    topups,
)

app_name = "portal"
urlpatterns = [
    path("", cards.home, name="home"),
    path("cards/<int:card_id>/", cards.statement, name="statement"),
    path("cards/<int:card_id>/statement.csv", cards.statement_csv, name="statement_csv"),
    path("cards/<int:card_id>/online/", online.statement, name="online"),
    path("cards/<int:card_id>/online.csv", online.statement_csv, name="online_csv"),
    path("cards/<int:card_id>/ride-code/", ride_code.ride_code, name="ride_code"),
    path("cards/<int:card_id>/top-up/", topups.order, name="top_up"),
    path("cards/<int:card_id>/automatic/", mandates.card_mandates, name="mandates"),
    path("cards/<int:card_id>/passes/", passes.card_passes, name="passes"),
    path("cards/<int:card_id>/refund/", refunds.card_refund, name="refund"),
    path("cards/<int:card_id>/refund/withdraw/", refunds.withdraw, name="withdraw_refund"),
    path("cards/<int:card_id>/block/", blocks.card_block, name="block"),
    path("cards/<int:card_id>/lost/", losses.card_lost, name="lost"),
    path("orders/<str:number>/", topups.progress, name="order"),
    path("orders/<str:number>/pay/", topups.pay, name="pay"),
    path("orders/<str:number>/cancel/", topups.cancel, name="cancel_order"),
    path("mandates/<int:mandate_id>/confirm/", mandates.confirm, name="confirm_mandate"),
    path("mandates/<int:mandate_id>/stop/", mandates.stop, name="stop_mandate"),
    path("cards/<int:card_id>/rides/<str:day>/<int:atc>/", fares.ride, name="ride"),
    path("cards/<int:card_id>/receipts/<str:day>/<int:transfer_id>.json", proofs.receipt, name="receipt"),
    path("cards/<int:card_id>/balance-proof/<str:kind>.json", proofs.balance, name="balance_proof"),
    path("proofs/", proofs.about, name="proofs"),
    path("proofs/verify.py", proofs.verifier, name="verifier"),
    path("fares/", fares.published, name="fares"),
    path("fares/quote/", fares.calculator, name="fare_quote"),
    path("family/", family.members, name="family"),
    path("family/cards/<int:card_id>/top-up/", topups.order_for_family, name="family_top_up"),
    path("family/<int:link_id>/join/", family.join, name="join_family"),
    path("family/<int:link_id>/balance/", family.balance, name="show_balance"),
    path("family/<int:link_id>/leave/", family.leave, name="leave_family"),
    path("notices/", notices.newest, name="notices"),
    path("login/", account.login, name="login"),
    path("logout/", account.logout, name="logout"),
    path("preferences/", account.preferences, name="preferences"),
]
