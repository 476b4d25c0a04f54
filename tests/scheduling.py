"""Which tests xdist gives to one process together: those of a file, and those with the readers, which are one device."""

from __future__ import annotations

from collections.abc import Generator

import pytest

READERS = "readers"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """File by file, except where a test names a group, in the order of collection."""
    from xdist.scheduler import LoadGroupScheduling

    class Scheduling(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            group = super()._split_scope(nodeid)
            return group if group != nodeid else nodeid.partition("::")[0]

    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Readers first, since they are waited for most of the time; then files with slow tests, so that none ends last.

    xdist reads the groups on the way, and pytest-django has an order of its own.
    """
    for item in items:
        if item.get_closest_marker("pcsc"):
            item.add_marker(pytest.mark.xdist_group(READERS))
    yield
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.get_closest_marker("pcsc"), item.path not in slow))
