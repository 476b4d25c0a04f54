"""The API's documentation page works under the content security policy and asks no other host."""

from __future__ import annotations

import pytest

from tests.fixtures_browser import Watched

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_address_is_listed(desktop: Watched) -> None:
    desktop.open("/api/v1/docs/")
    desktop.page.wait_for_selector(".opblock-summary-path")
    paths = set(desktop.page.locator(".opblock-summary-path").all_text_contents())
    shown = {path.replace("\u200b", "") for path in paths}
    assert {
        "/api/v1/taps",
        "/api/v1/batches",
        "/api/v1/documents/{kind}/{since}",
        "/api/v1/terminal",
    } <= shown
    desktop.page.locator("#operations-taps-post_tap .opblock-summary").click()
    desktop.page.wait_for_selector("#operations-taps-post_tap .responses-table")
    assert desktop.complaints == []
