from __future__ import annotations

import subprocess
import sys

import pytest

import napari_medvol

#: What must not be paid for before a file needs it.
HEAVY = (
    "napari", "magicgui", "qtpy", "PyQt6", "vispy", "nibabel", "pydicom", "scipy", "dask",
    "SimpleITK", "highdicom", "imagecodecs", "isal", "PIL", "h5py",
)  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules in memory after `code` ran in a new interpreter."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in result.stdout.split()}


def test_each_public_name_leads_somewhere() -> None:
    assert set(dir(napari_medvol)) == set(napari_medvol.__all__)
    assert set(napari_medvol._HOMES) == set(napari_medvol.__all__)
    for name in napari_medvol.__all__:
        value = getattr(napari_medvol, name)
        known_as = napari_medvol._HOMES[name].partition(":")[2] or name
        assert getattr(value, "__name__", known_as) == known_as


def test_the_small_face_that_the_readme_promises() -> None:
    promised = {
        "Axis", "MedVolError", "Step", "Volume", "from_ras", "open", "read", "to_ras", "volume_of",
    }  # fmt: skip

    assert promised <= set(napari_medvol.__all__)


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert napari_medvol.__version__ == version("napari-medvol")


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="'napari_medvol' has no attribute 'medvol'"):
        napari_medvol.medvol  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import napari_medvol",
        "import napari_medvol.formats",
        "import napari_medvol; napari_medvol.Volume, napari_medvol.read",
        "import napari_medvol.formats as f; f.format_of('scan.nii.gz'); f.holds_a_scan('.')",
    ],
)
def test_importing_and_sniffing_loads_nothing_heavy(code: str) -> None:
    assert loaded_by(code) & set(HEAVY) == set()


def test_the_package_alone_does_not_even_load_numpy() -> None:
    assert "numpy" not in loaded_by("import napari_medvol")


def test_reading_needs_neither_napari_nor_qt(tmp_path: object) -> None:
    code = (
        "import napari_medvol, nibabel, numpy as np, pathlib\n"
        f"path = pathlib.Path({str(tmp_path)!r}, 'a.nii.gz')\n"
        "nibabel.Nifti1Image(np.ones((3, 4, 5), np.int16), np.eye(4)).to_filename(path)\n"
        "[volume] = napari_medvol.read(path)\n"
        "assert np.asarray(volume.data).sum() == 60"
    )

    assert loaded_by(code) & {"napari", "magicgui", "qtpy", "PyQt6", "vispy"} == set()
