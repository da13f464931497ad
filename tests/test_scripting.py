"""What docs/scripting.md shows is run as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.phantoms.dicom import write_series

PAGE = (ROOT / "docs" / "scripting.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files that the page speaks of, and work there."""
    data = np.arange(6 * 7 * 8, dtype=np.uint16).reshape(6, 7, 8)
    write_series(tmp_path / "CT", data, step=(0, 0, 2.5))
    affine = np.diag([-1.0, -1.0, 2.5, 1.0])
    nib.Nifti1Image(data.T.astype(np.float32) / 7, affine).to_filename(tmp_path / "pet.nii.gz")
    (tmp_path / "dseg.tsv").write_text("index\tname\tcolor\n1\tGM\t#ff0000\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.timeout(240)
def test_a_line_for_every_widget_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch, make_napari_viewer: Callable[[], Any]
) -> None:
    monkeypatch.setattr("napari.Viewer", make_napari_viewer)
    names: dict[str, Any] = {}

    for snippet in SNIPPETS:
        exec(compile(snippet, "scripting.md", "exec"), names)
        if "cursor_of" in snippet:
            np.testing.assert_allclose(names["ortho"].cursor.ras, names["point"])

    mv, ct, found = names["mv"], names["ct"], names["found"]
    voxel = np.linalg.inv(names["pet"].affine) @ (*names["point"], 1)
    np.testing.assert_allclose(found.voxel, voxel[:3])
    assert found.inside
    assert names["facts"]["dimensions"] == " × ".join(map(str, ct.shape))
    assert "LPS+" in names["matrices"]
    assert "InstanceNumber" in names["changing"]
    assert names["apart"].rows
    values = np.asarray(names["pet"].data)[np.asarray(names["bright"].data)]
    assert names["table"].rows[0][2] == values.size
    window = mv.window_of(names["ct_layer"])
    assert (window.center, window.width, window.function) == (40, 400, "LINEAR")
    assert names["counts"].highest == np.asarray(ct.data).max()
    assert names["doubts"] == ()
    assert all(layer.visible for layer in (names["ct_layer"], names["pet_layer"]))
    assert names["picture"].any()
    assert mv.measures_table(names["rulers"]).rows[0][1:4] == ("length", 5.0, "mm")
    assert names["labels"].features["name"].tolist() == ["GM"]


def test_every_public_name_of_looking_is_on_the_page() -> None:
    for name in ("probe", "full_header", "set_window", "overlay", "Solo", "label_statistics"):
        assert f"mv.{name}(" in PAGE
