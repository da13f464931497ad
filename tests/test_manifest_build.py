"""The manifest is one real file at the top, and every kind of installation finds it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from npe2 import PluginManifest

from tests.conftest import ROOT

MANIFEST = ROOT / "napari.yaml"

pytestmark = pytest.mark.skipif(
    not (ROOT / "hatch_build.py").exists(), reason="needs the sources, not an installed package"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the sdist, built without network."""
    if find_spec("build") is None and find_spec("hatchling") is None:
        pytest.skip("needs hatchling to build")
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return target


def test_the_wheel_carries_the_manifest_beside_the_code(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        packed = archive.read("napari_medvol/napari.yaml")

    assert packed == MANIFEST.read_bytes()
    assert names.count("napari_medvol/napari.yaml") == 1
    assert "napari_medvol/py.typed" in names
    assert not [n for n in names if not n.startswith(("napari_medvol/", "napari_medvol-"))]


def test_the_sdist_carries_all_that_a_wheel_is_built_from(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"napari.yaml", "hatch_build.py", "pyproject.toml", "LICENSE", "README.md"} <= names
    assert "src/napari_medvol/napari.yaml" not in names


def test_the_installed_package_finds_the_manifest_at_the_top() -> None:
    found = PluginManifest.from_distribution("napari-medvol")

    assert found == PluginManifest.from_file(MANIFEST)
    assert found.display_name == "Medical Volumes"


def test_an_editable_build_links_to_the_real_file(tmp_path: Path) -> None:
    from hatch_build import ManifestHook

    package = tmp_path / "src" / "napari_medvol"
    package.mkdir(parents=True)
    (tmp_path / "napari.yaml").write_text("name: napari-medvol\n")
    hook = ManifestHook(str(tmp_path), {}, None, None, "", "wheel")  # type: ignore[arg-type]

    for version in ("editable", "editable", "standard"):
        hook.initialize(version, {})

    assert (package / "napari.yaml").read_text() == "name: napari-medvol\n"
    (tmp_path / "napari.yaml").write_text("name: changed\n")
    assert (package / "napari.yaml").read_text() == "name: changed\n"


def test_where_links_are_forbidden_the_manifest_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hatch_build import ManifestHook

    def refuse(*_: object) -> None:
        raise OSError("a required privilege is not held by the client")

    package = tmp_path / "src" / "napari_medvol"
    package.mkdir(parents=True)
    (tmp_path / "napari.yaml").write_text("name: napari-medvol\n")
    monkeypatch.setattr(Path, "symlink_to", refuse)

    ManifestHook(str(tmp_path), {}, None, None, "", "wheel").initialize("editable", {})  # type: ignore[arg-type]

    assert (package / "napari.yaml").read_text() == "name: napari-medvol\n"
    assert not (package / "napari.yaml").is_symlink()


def test_everything_that_the_manifest_names_can_be_imported() -> None:
    manifest = PluginManifest.from_file(MANIFEST)

    manifest.validate_imports()
