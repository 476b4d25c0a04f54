"""What is proved to everybody, below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from settlement.api import views

urlpatterns = [
    path("proofs/keys", views.ProofKeysView.as_view(), name="proof-keys"),
    path("proofs/heads", views.ProofHeadsView.as_view(), name="proof-heads"),
    path(
        "proofs/consistency/<int:before>/<int:size>",
        views.ConsistencyView.as_view(),
        name="proof-consistency",
    ),
]
