from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.utils.notifications import Notification

from napari_medvol.formats import read
from napari_medvol.viewer import reader, whole_series
from napari_medvol.viewer.reader import read_layers
from napari_medvol.viewer.whole_series import Drop, with_their_series
from tests.phantoms.dicom import write_series, write_slice


@pytest.fixture
def drop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Return what opens files as napari does after a drop: the reader is called for each."""

    def dropped(*paths: Path) -> list[Any]:
        together = [str(path) for path in paths]
        monkeypatch.setattr(reader, "opened_together", lambda: together)
        return [layer for path in together for layer in read_layers(path)]

    return dropped


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    """Two series and a NIfTI file in one folder; the slices of the first."""
    pixels = np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)
    for number, plane in enumerate(pixels[:3]):
        write_slice(tmp_path / f"b{number}.dcm", plane, series="b", position=(0, 0, number))
    nib.Nifti1Image(pixels, np.eye(4)).to_filename(tmp_path / "c.nii")
    (tmp_path / "notes.txt").write_text("hello")
    return write_series(tmp_path, pixels, step=(0, 0, 2))


def names_and_shapes(layers: list) -> list[tuple[int, ...]]:
    return [data.shape for data, *_ in layers if data is not None]


def test_one_slice_opened_by_hand_opens_its_series_and_no_other(
    slices: list[Path], drop: Callable[..., list[Any]]
) -> None:
    ((data, options, _),) = drop(slices[3])

    assert data.shape == (7, 6, 5)
    assert len(options["metadata"]["medvol"].volume.report.files) == 7


def test_all_files_dropped_at_once_open_the_series_once(
    slices: list[Path], drop: Callable[..., list[Any]]
) -> None:
    assert names_and_shapes(drop(*slices)) == [(7, 6, 5)]


def test_some_files_dropped_at_once_are_one_volume_of_these_files(
    slices: list[Path], drop: Callable[..., list[Any]]
) -> None:
    dropped = [slices[n] for n in (4, 2, 3)]

    ((data, options, _),) = (layer for layer in drop(*dropped) if layer[0] is not None)

    assert data.shape == (3, 6, 5)
    volume = options["metadata"]["medvol"].volume
    assert set(volume.report.files) == {str(path) for path in dropped}


def test_the_same_slices_open_again_at_once(
    slices: list[Path], drop: Callable[..., list[Any]]
) -> None:
    """Whoever deletes a layer and drops its files again means it."""
    for _ in range(2):
        assert names_and_shapes(drop(slices[0])) == [(7, 6, 5)]
        assert names_and_shapes(drop(*slices[:2])) == [(2, 6, 5)]


def test_of_a_mixed_drop_slices_go_together_and_the_others_by_themselves(
    slices: list[Path], drop: Callable[..., list[Any]]
) -> None:
    nifti = slices[0].with_name("c.nii")

    assert names_and_shapes(drop(slices[0], nifti, slices[1])) == [(2, 6, 5), (5, 6, 7)]
    assert names_and_shapes(drop(nifti, slices[0])) == [(5, 6, 7), (7, 6, 5)]


def test_a_drop_that_cannot_be_read_is_told_of_once(
    tmp_path: Path, drop: Callable[..., list[Any]], told: list[Notification]
) -> None:
    broken = [tmp_path / f"{n}.dcm" for n in range(5)]
    for path in broken:
        path.write_bytes(bytes(128) + b"DICM" + bytes(4))

    assert names_and_shapes(drop(*broken)) == []
    assert len(told) == 1


def test_a_slice_brings_the_half_of_its_series_that_lies_in_the_folder_beside(
    tmp_path: Path, drop: Callable[..., list[Any]]
) -> None:
    pixels = np.arange(9 * 6 * 5, dtype=np.int16).reshape(9, 6, 5)
    slices = write_series(tmp_path / "all", pixels, step=(0, 0, 2))
    for number, path in enumerate(slices):
        folder = tmp_path / "study" / str(number // 4)
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    # Another series ends where this one begins to go on.
    write_slice(tmp_path / "study" / "1" / "0.dcm", pixels[0], series="other")
    write_series(tmp_path / "study" / "9", pixels[:3], series="other")
    (tmp_path / "study" / "empty").mkdir()

    ((data, options, _),) = drop(tmp_path / "study" / "0" / slices[1].name)

    assert data.shape == (9, 6, 5)
    files = options["metadata"]["medvol"].volume.report.files
    assert {Path(file).parent.name for file in files} == {"0", "1", "2"}


def test_a_copy_of_the_series_in_the_folder_beside_is_left_alone(
    tmp_path: Path, drop: Callable[..., list[Any]]
) -> None:
    pixels = np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)
    for name in ("a", "b", "c"):
        slices = write_series(tmp_path / name, pixels, step=(0, 0, 2))

    for name in ("a", "b", "c"):
        ((data, options, _),) = drop(tmp_path / name / slices[2].name)
        assert data.shape == (7, 6, 5)
        files = options["metadata"]["medvol"].volume.report.files
        assert {Path(file).parent.name for file in files} == {name}


def test_of_very_many_folders_beside_the_nearest_by_name_are_looked_into(
    tmp_path: Path, drop: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_series, "_MOST_SIBLINGS", 4)
    pixels = np.arange(20 * 6 * 5, dtype=np.int16).reshape(20, 6, 5)
    slices = write_series(tmp_path / "all", pixels, step=(0, 0, 2))
    for number, path in enumerate(slices):
        folder = tmp_path / "study" / f"{number:02d}"
        folder.mkdir(parents=True)
        path.rename(folder / path.name)

    ((data, *_),) = drop(tmp_path / "study" / "19" / slices[19].name)

    assert data.shape == (5, 6, 5)


def test_another_format_in_the_folder_is_opened_alone_and_as_often_as_asked(
    slices: list[Path], drop: Callable[..., list[Any]]
) -> None:
    for _ in range(2):
        ((_, options, _),) = drop(slices[0].with_name("c.nii"))
        assert options["name"] == "c"


def test_a_script_gets_the_one_slice_that_it_names(slices: list[Path]) -> None:
    assert names_and_shapes(read_layers(str(slices[3]))) == [(1, 6, 5)]


def test_a_slice_without_a_readable_folder_stays_a_slice(
    slices: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_medvol.errors import SeriesError

    volumes = read(slices[0])

    def refuse(*_: object, **__: object) -> None:
        raise SeriesError("series", "is gone")

    monkeypatch.setattr(whole_series, "read", refuse)

    assert with_their_series(slices[0], volumes) is volumes


def test_a_drop_is_known_by_its_list_not_by_what_the_list_holds(slices: list[Path]) -> None:
    drop, together = Drop(), [str(path) for path in slices]

    drop.took(slices[:2], together)

    assert drop.holds(slices[1], together)
    assert not drop.holds(slices[2], together)
    assert not drop.holds(slices[1], list(together))


def test_a_script_that_opens_slices_one_by_one_is_told_once_of_the_folder(
    slices: list[Path], told: list[Notification], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_series.ONE_BY_ONE, "_uid", "")
    other = sorted(slices[0].parent.glob("b*.dcm"))
    for path in (*slices[:3], other[0], slices[3]):
        read_layers(str(path))
    assert not [n for n in told if "one by one" in n.message]

    for path in slices:
        read_layers(str(path))

    (hint,) = (n for n in told if "one by one" in n.message)
    assert "stack=True" in hint.message
