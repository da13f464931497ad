"""What all tests share: real scans if they are there, volumes of every orientation, manners."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from napari_medvol.volume import Volume
from tests.phantoms.volumes import affine_along, numbered, rotated, sheared

ROOT = Path(__file__).resolve().parents[1]

#: Real scans with known values at known places; not part of the project.
DATA = Path(os.environ.get("MEDVOL_DATA") or ROOT.parent / "shared" / "data")

settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let people ask how often widgets are opened and closed: growth shows after a few times."""
    parser.addoption("--openings", type=int, default=5, help="how often a widget is opened (50)")


@pytest.fixture
def openings(request: pytest.FixtureRequest) -> int:
    """Return how often a widget is opened, used and closed to see whether anything grows."""
    return int(request.config.getoption("--openings"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real scans, or skip."""
    if not (DATA / "expected").is_dir():
        pytest.skip(f"no real scans: {DATA} is absent, set MEDVOL_DATA")
    return DATA


GRIDS = {
    "RAS": affine_along("RAS"),
    "LAS": affine_along("LAS"),
    "LPS": affine_along("LPS"),
    "PIR": affine_along("PIR"),
    "oblique": rotated(affine_along("LAS"), 15),
    "tilted": sheared(affine_along("LPS")),
}


@pytest.fixture(params=GRIDS.values(), ids=GRIDS.keys())
def volume(request: pytest.FixtureRequest) -> Volume:
    """Return a (5, 6, 7) int16 volume, each voxel its own value, on grids of all kinds."""
    return numbered((5, 6, 7), np.int16, request.param)


@pytest.fixture(autouse=True)
def no_file_stays_open(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail a test after which a scan is still open (Linux, where that can be seen)."""
    before = _open_scans(tmp_path_factory.getbasetemp())
    yield
    left = _open_scans(tmp_path_factory.getbasetemp()) - before
    assert not left, f"still open after the test: {sorted(left)}"


def _open_scans(temporary: Path) -> set[str]:
    try:
        links = list(Path("/proc/self/fd").iterdir())
    except OSError:
        return set()
    places = (str(temporary), str(DATA))
    found = set()
    for link in links:
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith(places) and Path(target).is_file():
            found.add(target)
    return found
