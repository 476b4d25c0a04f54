"""The citizen's pages."""

from __future__ import annotations

from django.urls import path

from citizencard.portal.views import account, cards

app_name = "portal"
urlpatterns = [
    path("", cards.home, name="home"),
    path("cards/<int:card_id>/", cards.statement, name="statement"),
    path("cards/<int:card_id>/statement.csv", cards.statement_csv, name="statement_csv"),
    path("login/", account.login, name="login"),
    path("logout/", account.logout, name="logout"),
    path("preferences/", account.preferences, name="preferences"),
]
