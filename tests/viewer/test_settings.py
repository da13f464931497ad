from __future__ import annotations

from pathlib import Path

import pytest
from napari.settings import get_settings

from napari_medvol.formats import FORMATS
from napari_medvol.viewer import settings
from napari_medvol.viewer.commands import ask_which_plugin_opens, use_plugin_for_medical_formats


@pytest.fixture
def associations(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(get_settings().plugins.extension2reader)
    get_settings().plugins.extension2reader = {"*.tif": "napari", "*.nii": "somebody"}
    yield
    get_settings().plugins.extension2reader = before


@pytest.mark.usefixtures("associations")
def test_medical_formats_and_folders_are_ours_until_taken_back() -> None:
    use_plugin_for_medical_formats()

    readers = get_settings().plugins.extension2reader
    for row in FORMATS:
        for suffix in row.suffixes:
            assert readers[f"*{suffix}"] == "napari-medvol"
    assert readers["*/"] == "napari-medvol"
    assert readers["*.tif"] == "napari"

    ask_which_plugin_opens()

    assert get_settings().plugins.extension2reader == {"*.tif": "napari"}


@pytest.mark.usefixtures("associations")
def test_napari_then_opens_a_scan_unasked(tmp_path: Path) -> None:
    import nibabel as nib
    import numpy as np
    from napari.components import ViewerModel

    path = tmp_path / "a.nii.gz"
    nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), np.eye(4)).to_filename(path)
    settings.use_for_medical_formats()

    for place in (path, tmp_path):
        (layer,) = ViewerModel().open(place, plugin=None)
        assert layer.source.reader_plugin == "napari-medvol"


def test_oblique_volumes_are_interpolated_unless_set_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.oblique_setting() == "resample"

    monkeypatch.setattr(settings, "_setting", lambda *_: "native")
    assert settings.oblique_setting() == "native"
    monkeypatch.setattr(settings, "_setting", lambda *_: "nonsense")
    assert settings.oblique_setting() == "resample"


def test_a_setting_that_napari_does_not_know_has_its_default() -> None:
    assert settings._setting("no group", "no name", "default") == "default"
