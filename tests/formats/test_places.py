"""What callers give as a path."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import MedVolError, read
from napari_medvol.formats import holds_a_scan
from napari_medvol.formats.dicom import VALUES
from napari_medvol.formats.dicom.conversions import CONVERSIONS
from tests.phantoms.dicom import write_series
from tests.phantoms.nifti import counted, write_nifti


def test_relative_paths_outlive_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_nifti(tmp_path / "x.nii", counted((3, 4, 5)))
    write_series(tmp_path / "ct", np.zeros((3, 4, 4), np.int16))
    monkeypatch.chdir(tmp_path)
    volumes = [*read("x.nii"), *read("ct")]

    monkeypatch.chdir("/")

    for volume in volumes:
        assert np.asarray(volume.data).shape == volume.shape
        assert all(Path(file).is_absolute() for file in volume.report.files)


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_text_paths_and_bytes_are_the_same(tmp_path: Path, kind: Any) -> None:
    path = write_nifti(tmp_path / "ü x.nii", counted((3, 4, 5)))

    assert read(kind(path))[0].shape == (3, 4, 5)
    assert read([kind(path)])[0].shape == (3, 4, 5)


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_nifti(tmp_path / "x.nii", counted((3, 4, 5)))

    assert read("~/x.nii")[0].shape == (3, 4, 5)


@pytest.mark.parametrize("path", ["", None, 3, [["x"]], [None], "a\0b", {"a": 1}])
def test_what_is_no_path_is_a_clear_error(path: Any) -> None:
    with pytest.raises(MedVolError, match="path"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("name", ["pipe", "pipe.nii.gz"])
def test_a_pipe_is_refused_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)

    assert not holds_a_scan(tmp_path / name)
    with pytest.raises(MedVolError, match="is no regular file"):
        read(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_sockets_and_dead_links_in_a_folder_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path, np.zeros((3, 4, 4), np.int16))
    for name in ("pipe", "pipe.dcm", "pipe.nii"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "dead.dcm").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.nii").symlink_to(tmp_path / "circle.nii")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.dcm")

        (volume,) = read(tmp_path)

    assert volume.shape == (4, 4, 3)
    assert holds_a_scan(tmp_path)


def test_a_folder_that_may_not_be_looked_into_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    # Root may read everything, so the refusal is made here.
    monkeypatch.setattr("napari_medvol.formats.places.os.scandir", refused)

    with pytest.raises(MedVolError, match="Permission denied"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ({"gaps": "foo"}, "gaps='foo' is none of None, 'blank'"),
        ({"form": "zz"}, "form='zz' is none of 'auto', 'sform'"),
        ({"mosaic": 0}, "mosaic=0 is no number of slices"),
        ({"value": "x"}, "value='x' is not for NIfTI"),
        ({"value": "suvbw"}, "value='suvbw' is not for NIfTI"),
        ({"bogus": 1}, "unexpected keyword argument 'bogus'"),
    ],
)
def test_choices_that_are_none_are_named(
    tmp_path: Path, choices: dict[str, Any], why: str
) -> None:
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)))

    with pytest.raises(MedVolError) as caught:
        read(path, **choices)
    assert why in str(caught.value)


def test_the_values_that_dicom_offers_are_those_that_it_has() -> None:
    assert set(VALUES) == set(CONVERSIONS)
