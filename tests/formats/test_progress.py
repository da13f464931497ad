"""How far the reading is, and stopping it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medvol.formats import read
from tests.phantoms.dicom import write_series


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with 70 slices and three NIfTI files."""
    write_series(tmp_path / "ct", np.zeros((70, 2, 3), np.int16), step=(0, 0, 1))
    for number in range(3):
        scan = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.eye(4))
        scan.to_filename(tmp_path / f"{number}.nii")
    return tmp_path


def test_progress_counts_files_first_those_found_then_those_read(folder: Path) -> None:
    told: list[tuple[int, int]] = []

    volumes = read(folder, progress=lambda done, total: told.append((done, total)))

    assert len(volumes) == 4
    found = [done for done, total in told if total == 0]
    assert found == [0, 64]
    done = [done for done, total in told if total]
    assert {total for _, total in told if total} == {73}
    assert done == sorted(done)
    assert done[-1] == 73
    assert set(range(70)) & set(done) - {0}  # within the series, not only after it


class StopError(Exception):
    """What a caller raises to end the reading."""


@pytest.mark.parametrize("call", range(6))
def test_what_the_listener_raises_ends_the_reading_and_comes_through(
    folder: Path, call: int
) -> None:
    told: list[int] = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if len(told) > call:
            raise StopError

    with pytest.raises(StopError):
        read(folder, progress=stop)

    assert len(told) == call + 1
