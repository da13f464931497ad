"""Operations beside nibabel and SimpleITK, on phantoms and on real scans: values and places.

The comparisons are those of ``benchmarks/operations.py``, which writes docs/operations.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol import Volume, affines

pytest.importorskip("nibabel")
pytest.importorskip("SimpleITK")

from benchmarks import operations

PHANTOMS = dict(operations.phantoms())
#: Voxels of a real scan along each axis; splines settle 12 from a face.
_LENGTH = 64


def _middle(volume: Volume) -> mv.Step:
    """Return the crop to what shows as much as the whole, in a tenth of the time."""
    starts = [max(0, (n - _LENGTH) // 2) for n in volume.shape[:3]]
    stops = [min(n, a + _LENGTH) for a, n in zip(starts, volume.shape[:3], strict=True)]
    return mv.Step("crop", {"start": starts, "stop": stops})


def _agree(name: str, volume: Volume, at_least: int) -> None:
    rows = list(operations.compared(name, volume))
    wrong = [
        f"{row.operation} against {row.against}: {row.equal:.2%} equal, worst {row.worst:.1e},"
        f" corners {row.apart:.1e} voxels apart"
        for row in rows
        if not row.ok
    ]
    assert not wrong
    assert len(rows) >= at_least


@pytest.mark.parametrize("name", PHANTOMS)
def test_on_phantoms_all_agree_where_the_definitions_do(name: str) -> None:
    _agree(name, PHANTOMS[name], 11)


@pytest.mark.parametrize("place", operations.REAL)
def test_on_real_scans_all_agree_where_the_definitions_do(place: str, data: Path) -> None:
    (volume,) = mv.read(data / place)
    _agree(place, mv.apply(volume, [_middle(volume)]), 9)


def test_half_a_voxel_or_a_mirror_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    volume = PHANTOMS["phantom, 17° oblique"]
    real_apply = operations.apply

    def shifted(given: Volume, steps):
        made = real_apply(given, steps)
        return replace(made, affine=affines.cropped(made.affine, (0.5, 0, 0)))

    def mirrored(given: Volume, steps):
        made = real_apply(given, steps)
        return replace(made, data=np.asarray(made.data)[::-1])

    for wrong in (shifted, mirrored):
        monkeypatch.setattr(operations, "apply", wrong)
        assert not any(row.ok for row in operations.compared("wrong", volume))
