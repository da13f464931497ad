"""A window that is left in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.viewer.scenes import settle


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    """Yield a napari window, not shown."""
    yield make_napari_viewer()
    settle()
