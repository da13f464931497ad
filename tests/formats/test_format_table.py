"""The table of formats is the only list of them, and every row keeps its promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_medvol.errors import FormatError, MedVolError, ReadError
from napari_medvol.formats import FORMATS, Choices, Format, archives, format_of, holds_a_scan, read
from napari_medvol.formats.row import has_suffix
from tests.conftest import ROOT

rows = pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)


def reader_patterns() -> list[str]:
    """Return the patterns of our one reader in the manifest."""
    contributions = PluginManifest.from_file(ROOT / "napari.yaml").contributions
    assert contributions.readers is not None
    (reader,) = contributions.readers
    assert reader.accepts_directories
    return reader.filename_patterns


def test_names_are_unique_and_said_to_people() -> None:
    names = [row.name for row in FORMATS]

    assert len(set(names)) == len(names)
    assert all(name.strip() == name and name for name in names)


@rows
def test_suffixes_are_lower_case_dotted_and_longest_first(row: Format) -> None:
    assert all(suffix == suffix.lower() and suffix[0] in ".+" for suffix in row.suffixes)
    for n, suffix in enumerate(row.suffixes):
        assert not any(suffix.endswith(earlier) for earlier in row.suffixes[:n]), (
            f"{suffix} is never reached"
        )


def test_every_pattern_of_the_table_stands_in_the_manifest_and_nothing_else() -> None:
    wanted = {f"*{suffix}" for row in FORMATS for suffix in row.suffixes}
    wanted |= {pattern for row in FORMATS for pattern in row.patterns}
    wanted |= {f"*{suffix}" for suffix in archives.SUFFIXES}

    patterns = reader_patterns()

    assert len(set(patterns)) == len(patterns)
    assert set(patterns) == wanted


def test_the_manifest_does_not_claim_every_file() -> None:
    from fnmatch import fnmatch

    for name in ("photo.png", "cells.tif", "notes.txt", "movie.mp4", "table.csv", "stack.zarr"):
        claimed = [p for p in reader_patterns() if fnmatch(name, p)]
        assert claimed == [], f"{name} is claimed by {claimed}"


@rows
@pytest.mark.parametrize("content", [b"", b"\0" * 600, b"hello", bytes(range(256)) * 4])
def test_junk_under_every_name_is_refused_without_a_foreign_error(
    row: Format, content: bytes, tmp_path: Path
) -> None:
    for suffix in row.suffixes or ("",):
        file = tmp_path / f"junk{suffix}"
        file.write_bytes(content)
        with pytest.raises(MedVolError) as caught:
            read(file)
        assert file.name in str(caught.value)
        assert caught.value.why


@rows
def test_a_name_decides_without_a_file(row: Format, tmp_path: Path) -> None:
    assert row.matches(tmp_path / "photo.png") is False


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nowhere\.nii") as caught:
        read(tmp_path / "nowhere.nii")

    assert caught.value.fix


def test_an_unknown_file_is_refused_with_the_known_formats(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(b"\x89PNG")

    with pytest.raises(FormatError, match="of no known format") as caught:
        read(file)

    assert all(row.name in caught.value.fix for row in FORMATS)


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    file = tmp_path / "IM0001"
    file.write_bytes(b"")

    with pytest.raises(FormatError, match=r"IM0001: is empty \(0 bytes\)"):
        read(file)


@pytest.mark.parametrize("place", ["folder", "list"])
def test_nothing_to_read_is_an_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no scan")

    with pytest.raises(FormatError, match="holds no scan"):
        read(tmp_path if place == "folder" else [])
    assert not holds_a_scan(tmp_path)


def test_a_choice_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="colour") as caught:
        read(tmp_path, colour="red")

    assert all(name in caught.value.fix for name in Choices.__dataclass_fields__)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for file in (tmp_path / ".hidden.nii", tmp_path / ".git" / "scan.nii"):
        file.write_bytes(b"\0" * 400)

    assert not holds_a_scan(tmp_path)


def test_format_of_knows_no_format_for_a_photo(tmp_path: Path) -> None:
    assert format_of(tmp_path / "photo.png") is None


def test_suffixes_match_in_any_case() -> None:
    assert has_suffix(Path("a.NII.GZ"), (".nii.gz",))
    assert not has_suffix(Path("a.nii.gz.txt"), (".nii.gz",))
