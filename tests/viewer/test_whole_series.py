from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.utils.notifications import Notification

from napari_medvol.formats import read
from napari_medvol.viewer import reader, whole_series
from napari_medvol.viewer.reader import read_layers
from napari_medvol.viewer.whole_series import DROP, Drop, with_their_series
from tests.phantoms.dicom import write_series, write_slice


@pytest.fixture(autouse=True)
def a_new_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DROP, "_until", 0.0)


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "opened_by_hand", lambda: True)


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


@pytest.mark.usefixtures("by_hand")
def test_one_slice_opened_by_hand_opens_its_series_and_no_other(slices: list[Path]) -> None:
    ((data, options, _),) = read_layers(str(slices[3]))

    assert data.shape == (7, 6, 5)
    assert len(options["metadata"]["medvol"].volume.report.files) == 7


@pytest.mark.usefixtures("by_hand")
def test_all_files_dropped_at_once_open_the_series_once(slices: list[Path]) -> None:
    opened = [names_and_shapes(read_layers(str(path))) for path in slices]

    assert opened == [[(7, 6, 5)], *[[]] * 6]


@pytest.mark.usefixtures("by_hand")
def test_the_same_slice_opens_again_later(
    slices: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_layers(str(slices[0]))
    monkeypatch.setattr(whole_series.time, "monotonic", lambda: 1e12)

    assert names_and_shapes(read_layers(str(slices[0]))) == [(7, 6, 5)]


@pytest.mark.usefixtures("by_hand")
def test_another_format_in_the_folder_is_opened_alone_and_as_often_as_asked(
    slices: list[Path],
) -> None:
    for _ in range(2):
        ((_, options, _),) = read_layers(str(slices[0].with_name("c.nii")))
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


def test_a_drop_holds_the_files_of_its_series_only(slices: list[Path]) -> None:
    drop = Drop()

    assert not drop.holds(slices[0])
    drop.opened(read([slices[0], slices[1]]))

    assert drop.holds(slices[1])
    assert not drop.holds(slices[2])


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
