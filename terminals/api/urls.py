"""The terminal API, mounted at /api/v1/, with its description and a page to read it."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from terminals.api import fleet_views, list_views, views

urlpatterns = [
    path("taps", views.TapsView.as_view(), name="taps"),
    path("batches", views.BatchesView.as_view(), name="batches"),
    path("batches/<str:number>", views.BatchView.as_view(), name="batch"),
    path("hot-list", views.HotListView.as_view(), name="hot-list"),
    path("documents/<str:kind>/<int:since>", list_views.DocumentView.as_view(), name="document"),
    path("time/<str:nonce>", list_views.TimeView.as_view(), name="time"),
    path("rides", list_views.RidesView.as_view(), name="rides"),
    path("greys", list_views.GreysView.as_view(), name="greys"),
    path("terminal", views.ParametersView.as_view(), name="terminal"),
    path("enrolments", fleet_views.EnrolmentsView.as_view(), name="enrolments"),
    path("keys", fleet_views.KeysView.as_view(), name="keys"),
    path("heartbeats", fleet_views.HeartbeatsView.as_view(), name="heartbeats"),
    path("events", fleet_views.EventsView.as_view(), name="events"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(template_name="terminals/api_docs.html"), name="docs"),
]
