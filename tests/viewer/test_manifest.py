from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_medvol.formats import FORMATS
from napari_medvol.viewer.patterns import patterns, rewritten
from tests.conftest import ROOT

MANIFEST = ROOT / "napari.yaml"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def test_npe2_finds_the_manifest_valid_and_every_name_in_it() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", "--imports", str(MANIFEST)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_file_name_patterns_are_those_of_the_formats(manifest: PluginManifest) -> None:
    (reader,) = manifest.contributions.readers

    assert reader.filename_patterns == patterns()
    assert reader.accepts_directories
    for row in FORMATS:
        assert {f"*{suffix}" for suffix in row.suffixes} <= set(reader.filename_patterns)
    assert "*" not in reader.filename_patterns


def test_rewriting_the_manifest_changes_nothing_that_is_up_to_date(tmp_path: Path) -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    copy = tmp_path / "napari.yaml"
    copy.write_text(text.replace("    - '*.nii.gz'\n", ""), encoding="utf-8")

    subprocess.run([sys.executable, "-m", "napari_medvol.viewer.patterns", copy], check=True)

    assert rewritten(text) == text
    assert copy.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "name",
    ["sub-01.v2_T1w.nii.gz", "a.nii", "IM0001", "17106", "DICOMDIR", "1-001.dcm", "x.ima",
     "1.2.840.113619.2.5", "mr.1.3.12.2.1107", "img.001", "slice.12", "label.seg"],
)  # fmt: skip
def test_names_of_scans_are_asked_about(name: str) -> None:
    assert any(fnmatch(name, pattern) for pattern in patterns())


@pytest.mark.parametrize(
    "name", ["a.tif", "b.png", "x.dat", "c.csv", "d.zarr", "notes.txt", "m.py"]
)
def test_names_of_other_things_are_left_to_others(name: str) -> None:
    assert not any(fnmatch(name, pattern) for pattern in patterns())


def test_the_name_sorts_before_the_reader_that_napari_ships(manifest: PluginManifest) -> None:
    assert manifest.display_name == "Medical Volumes"
    assert sorted([manifest.display_name, "napari builtins"])[0] == manifest.display_name


def test_every_command_is_reached_by_a_menu_a_sample_or_the_reader(
    manifest: PluginManifest,
) -> None:
    said = manifest.contributions
    used = {
        item.command for items in said.menus.values() for item in items if hasattr(item, "command")
    }
    used |= {sample.command for sample in said.sample_data} | {said.readers[0].command}
    used |= {writer.command for writer in said.writers or ()}

    assert used == {command.id for command in said.commands}


def test_asking_whether_a_path_is_ours_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from napari_medvol.viewer.reader import get_reader\n"
        f"get_reader({str(ROOT)!r}); get_reader('a.nii.gz')\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    heavy = {"napari", "qtpy", "pydicom", "nibabel", "scipy", "dask", "imagecodecs", "isal"}
    assert not heavy & {name.partition(".")[0] for name in loaded}
