"""What the README shows is run as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_medvol.formats import FORMATS
from tests.conftest import ROOT
from tests.phantoms.dicom import write_series

README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files that the README speaks of, and work there."""
    data = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)
    nib.Nifti1Image(data, np.diag([-1, 1, 2, 1])).to_filename(tmp_path / "scan.nii.gz")
    write_series(tmp_path / "CT", data.astype(np.uint16), step=(0, 0, 2.5))
    (tmp_path / "notes.txt").write_text("no scan")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_snippet_runs(
    scans: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make_napari_viewer: Callable[[], Any],
) -> None:
    assert len(SNIPPETS) == 8
    monkeypatch.setattr("napari.Viewer", make_napari_viewer)
    names: dict[str, Any] = {}

    for snippet in SNIPPETS:
        exec(compile(snippet, "README.md", "exec"), names)

    volume, stack = names["volume"], names["stack"]
    assert volume.shape == (6, 7, 8)
    np.testing.assert_array_equal(names["middle"], names["everything"][:, :, 4])
    np.testing.assert_array_equal(names["everything"].ravel(), np.arange(336))
    assert (scans / "nifti" / "CT_1.nii.gz").exists()
    assert names["again"][0].axcodes == "RAS"
    assert stack.zooms[2] == pytest.approx(2.5)
    assert len(names["layers"]) == 1
    shown = names["mv"].to_ras(names["viewer"], names["viewer"].dims.point)
    assert np.abs(shown).max() < 20
    printed = capsys.readouterr().out
    assert "Geometry from" in printed
    assert "Known formats" in printed
    assert "nibabel" in printed


def test_every_format_of_the_table_is_listed_and_no_suffix_is_made_up() -> None:
    table = README.partition("## Formats")[2].partition("## ")[0]
    known = {suffix for row in FORMATS for suffix in row.suffixes}

    for row in FORMATS:
        assert row.name.rstrip("7").strip().split("/")[0].casefold() in table.casefold(), row.name
    named = {name.lower() for name in re.findall(r"`(\.\w+)`", table)} - {".gz", ".bz2", ".zst"}
    assert named <= known


def test_every_page_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
