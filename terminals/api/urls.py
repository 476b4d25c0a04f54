"""The terminal API, mounted at /api/v1/, with its description and a page to read it."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from terminals.api import fare_views, fleet_views, list_views, online_views, return_views, views

urlpatterns = [
    path("taps", views.TapsView.as_view(), name="taps"),
    path("batches", views.BatchesView.as_view(), name="batches"),
    path("batches/<str:number>", views.BatchView.as_view(), name="batch"),
    path("documents/<str:kind>/<int:since>", list_views.DocumentView.as_view(), name="document"),
    path("time/<str:nonce>", list_views.TimeView.as_view(), name="time"),
    path("rides", list_views.RidesView.as_view(), name="rides"),
    path("greys", list_views.GreysView.as_view(), name="greys"),
    path("terminal", views.StandingView.as_view(), name="terminal"),
    path("enrolments", fleet_views.EnrolmentsView.as_view(), name="enrolments"),
    path("keys", fleet_views.KeysView.as_view(), name="keys"),
    path("heartbeats", fleet_views.HeartbeatsView.as_view(), name="heartbeats"),
    path("events", fleet_views.EventsView.as_view(), name="events"),
    path("totals", fleet_views.TotalsView.as_view(), name="totals"),
    path("inquiries", online_views.InquiriesView.as_view(), name="inquiries"),
    path("reversals", return_views.ReversalsView.as_view(), name="reversals"),
    path("refunds", return_views.RefundsView.as_view(), name="refunds"),
    path("loads", online_views.LoadsView.as_view(), name="loads"),
    path(
        "loads/<str:number>/confirmation",
        online_views.LoadConfirmationView.as_view(),
        name="load-confirmation",
    ),
    path("fares/documents", fare_views.FareDocumentsView.as_view(), name="fare-documents"),
    path(
        "fares/documents/<str:code>/<int:version>",
        fare_views.FareDocumentView.as_view(),
        name="fare-document",
    ),
    path("fares/quote", fare_views.FareQuoteView.as_view(), name="fare-quote"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(template_name="terminals/api_docs.html"), name="docs"),
]
