"""Pictures in files, opened again by other programs."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_medvol import Volume, export_slices
from napari_medvol.errors import StepError, WriteError
from napari_medvol.views.slices import Exported
from napari_medvol.views.slices.planes import grid_of
from napari_medvol.volume import Axis, Display, Field, Label, Window
from tests.phantoms.volumes import affine_along
from tests.views.slices.scans import GRIDS, asked_of_scipy, noise

LOW, HIGH = -160, 240


def opened(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def rows_of(exported: Exported) -> list[dict[str, str]]:
    with exported.manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def box(shape: Sequence[int] = (6, 5, 4), **more: Any) -> Volume:
    values = np.arange(np.prod(shape)).reshape(shape).astype(np.int16) * 3 - 100
    return Volume(values, affine_along("LPS", (1.0, 1.0, 2.0)), unit="HU", **more)


@pytest.mark.parametrize("order", [1, 3], ids=["linear", "cubic"])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("code", GRIDS)
def test_pictures_are_pixel_for_pixel_those_of_nibabel_scipy_and_pillow(
    code: str, plane: Any, order: int, tmp_path: Path
) -> None:
    volume = noise(code, (14, 13, 9))
    grid = grid_of(volume, plane)

    exported = export_slices(
        volume,
        tmp_path,
        planes=plane,
        window=(LOW, HIGH),
        interpolation="linear" if order == 1 else "cubic",
    )

    assert len(exported) == grid.n_slices
    rows = rows_of(exported)
    for number, (path, row) in enumerate(zip(exported, rows, strict=True)):
        values, there = asked_of_scipy(volume, grid, number, order)
        # Pixels that stick out of the voxels by less than half show the border.
        there = there if not grid.is_of_voxels else np.ones(grid.shape, bool)
        share = (values - LOW) * (255 / (HIGH - LOW))
        expected = np.where(there, np.rint(np.clip(share, 0, 255)), 0).astype(np.uint8)
        Image.fromarray(expected).save(tmp_path / "oracle.png")
        picture, oracle = opened(path), opened(tmp_path / "oracle.png")
        # Splines agree to 1e-3 HU, so a half may be rounded to the other side.
        assert np.abs(picture.astype(int) - oracle).max() <= (order == 3)
        assert (picture != oracle).mean() < 0.001
        clipped = ((values < LOW) | (values > HIGH))[there].mean() if there.any() else 0
        assert float(row["clipped_percent"]) == pytest.approx(100 * clipped, abs=0.06)


def test_the_articles_names_and_counts(tmp_path: Path) -> None:
    volume = Volume(np.zeros((7, 6, 5), np.uint8), affine_along("PIR", (1, 1, 1.2999954)))

    exported = export_slices(
        volume, tmp_path, planes=(0, 1, 2), pixel_mm=1, name="Dim{axis}_Slice{index}"
    )

    names = {path.name for path in exported}
    assert len(exported) == 7 + 6 + 5
    assert names >= {"Dim0_Slice0.png", "Dim0_Slice6.png", "Dim1_Slice5.png", "Dim2_Slice4.png"}
    sizes = {row["file"][:4]: (row["width"], row["height"]) for row in rows_of(exported)}
    assert sizes == {"Dim0": ("6", "6"), "Dim1": ("6", "7"), "Dim2": ("7", "6")}


def test_files_say_how_large_their_pixels_are(tmp_path: Path) -> None:
    volume = Volume(np.zeros((8, 8, 3), np.uint8), affine_along("LPS", (0.5, 0.25, 2)))
    options: dict[str, Any] = {"planes": "axial", "slices": [1], "pixel_mm": "voxel"}

    (png,) = export_slices(volume, tmp_path / "png", **options)
    (tiff,) = export_slices(volume, tmp_path / "tiff", format="tiff", **options)
    (jpeg,) = export_slices(volume, tmp_path / "jpeg", format="jpg", **options)

    with Image.open(png) as image:
        np.testing.assert_allclose(25.4 / np.array(image.info["dpi"]), (0.5, 0.25), rtol=1e-6)
    with tifffile.TiffFile(tiff) as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]
        across, down = (
            tags[name].value[0] / tags[name].value[1] for name in ("XResolution", "YResolution")
        )
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
        np.testing.assert_allclose((10 / across, 10 / down), (0.5, 0.25))
    with Image.open(jpeg) as image:
        np.testing.assert_allclose(25.4 / np.array(image.info["dpi"]), (0.5, 0.25), rtol=0.02)
        assert image.format == "JPEG"


def test_the_manifest_says_what_each_picture_is(tmp_path: Path) -> None:
    volume = box()

    exported = export_slices(
        volume, tmp_path, planes=("axial", "sagittal"), slices=slice(1, None, 2)
    )

    rows = rows_of(exported)
    assert [row["file"] for row in rows] == [path.name for path in exported]
    for row, path in zip(rows, exported, strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        assert opened(path).shape == (int(row["height"]), int(row["width"]))
    axial = [row for row in rows if row["plane"] == "axial"]
    assert [int(row["index"]) for row in axial] == [1, 3]
    middle = volume.affine @ [2.5, 2, 1, 1]
    place = [float(axial[0][name]) for name in ("r_mm", "a_mm", "s_mm")]
    np.testing.assert_allclose(place, middle[:3])
    assert float(axial[0]["position_mm"]) == middle[2]
    assert {row["resampling"] for row in axial} == {"none"}
    assert {row["resampling"] for row in rows if row["plane"] == "sagittal"} == {"linear"}


def test_sixteen_bits_keep_integers_and_say_what_they_mean(tmp_path: Path) -> None:
    volume = box()

    for kind in ("png", "tiff"):
        exported = export_slices(volume, tmp_path / kind, planes="axial", depth=16, format=kind)  # type: ignore[arg-type]

        said = json.loads((tmp_path / kind / "slices.json").read_text(encoding="utf-8"))
        (layer,) = said["layers"]
        assert (layer["slope"], layer["unit"], layer["largest rounding error"]) == (1, "HU", 0)
        assert exported.clipped_percent == 0
        for k, path in enumerate(exported):
            stored = opened(path)
            assert stored.dtype == np.uint16
            values = stored.astype(int) * layer["slope"] + layer["intercept"]
            np.testing.assert_array_equal(values, volume.data[:, :, k].T)


def test_sixteen_bits_of_real_numbers_lose_less_than_is_said(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 1e-3, (5, 5, 2)).astype(np.float32)
    volume = Volume(values, affine_along("LPS", (1, 1, 1)), unit="Bq/ml")

    exported = export_slices(volume, tmp_path, planes="axial", depth=16)

    (layer,) = json.loads((tmp_path / "slices.json").read_text())["layers"]
    for k, path in enumerate(exported):
        back = opened(path) * layer["slope"] + layer["intercept"]
        error = np.abs(back - values[:, :, k].T).max()
        assert error <= layer["largest rounding error"] * 1.001
    assert exported.clipped_percent == 0


def test_a_window_cuts_off_sixteen_bits_and_the_share_is_said(tmp_path: Path) -> None:
    volume = box((10, 10, 1))

    exported = export_slices(volume, tmp_path, planes="axial", depth=16, window=(-50, 100))

    (layer,) = json.loads((tmp_path / "slices.json").read_text())["layers"]
    back = opened(exported[0]).astype(int) + layer["intercept"]
    values = volume.data[:, :, 0].T
    np.testing.assert_array_equal(back, np.clip(values, -50, 100))
    assert exported.clipped_percent == pytest.approx(
        100 * ((values < -50) | (values > 100)).mean(), abs=1e-4
    )
    assert "% of the values clipped" in str(exported)


def test_labels_are_masks_that_keep_their_values(tmp_path: Path) -> None:
    values = np.zeros((6, 5, 4), np.uint16)
    values[2, 3, 1] = 7
    labels = Volume(
        values, affine_along("LPS", (1, 1, 1)), kind="labels", labels=(Label(7, "liver"),)
    )
    wide = Volume(values * 100, labels.affine, kind="labels")

    small = export_slices(labels, tmp_path / "a", planes="axial")
    large = export_slices(wide, tmp_path / "b", planes="axial")

    assert opened(small[1]).dtype == np.uint8
    np.testing.assert_array_equal(opened(small[1]), values[:, :, 1].T)
    assert opened(large[1]).dtype == np.uint16
    assert opened(large[1]).max() == 700
    (layer,) = json.loads((tmp_path / "a" / "slices.json").read_text())["layers"]
    assert layer["labels"] == {"7": "liver"}


def test_masks_lie_on_the_pixels_of_the_pictures_under_their_names(tmp_path: Path) -> None:
    image = box((12, 12, 6))
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[1:3, 2:4] = 5
    coarse = image.affine.copy()
    coarse[:3, :2] *= 2
    coarse[:3, 3] += image.affine[:3, 0] / 2 + image.affine[:3, 1] / 2
    masks = Volume(labels, coarse, kind="labels")

    exported = export_slices(image, tmp_path, planes="axial", format="jpeg", masks=masks)

    assert len(exported) == 12
    mask = opened(tmp_path / "masks" / "axial_0003.png")
    assert mask.shape == opened(tmp_path / "axial_0003.jpg").shape
    expected = np.kron(labels[:, :, 3].T, np.ones((2, 2), np.uint8))
    np.testing.assert_array_equal(mask, expected)
    assert (tmp_path / "masks" / "manifest.csv").is_file()


def test_labels_that_no_picture_holds_are_refused(tmp_path: Path) -> None:
    volume = Volume(np.full((2, 2, 2), 70000), np.eye(4), kind="labels")

    with pytest.raises(StepError, match="reach from 70000 to 70000"):
        export_slices(volume, tmp_path)
    with pytest.raises(StepError, match="it holds no labels but an image"):
        export_slices(box(), tmp_path, masks=box())


@pytest.mark.parametrize(
    ("window", "limits"),
    [
        (None, (-140.0, 259.0)),
        ("lung", (-1350, 150)),
        ("full", (-100, 257)),
        ("percentile 0 100", (-100, 257)),
        ((5, 6), (5, 6)),
    ],
)
def test_windows_by_name(window: Any, limits: tuple[float, float], tmp_path: Path) -> None:
    volume = box(display=Display(windows=(Window(60, 400),)))

    export_slices(volume, tmp_path, planes="axial", window=window)

    (layer,) = json.loads((tmp_path / "slices.json").read_text())["layers"]
    assert (layer["black"], layer["white"]) == limits


@pytest.mark.parametrize(
    ("window", "why"),
    [
        ("bones", "no window 'bones' for values of HU"),
        ("percentile 5", "percentiles '5' are not two"),
        ("percentile a b", "percentiles 'a b' are not two"),
        ((3, 3), "the window 3 to 3 has no width"),
    ],
)
def test_windows_that_are_none(window: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(StepError, match=why):
        export_slices(box(), tmp_path, window=window)
    assert not list(tmp_path.iterdir())


def test_scans_whose_small_values_are_bright_are_shown_so(tmp_path: Path) -> None:
    volume = box(display=Display(inverted=True))
    plain = box()

    dark = export_slices(volume, tmp_path / "a", planes="axial", window="full")
    bright = export_slices(plain, tmp_path / "b", planes="axial", window="full")

    assert np.abs(opened(dark[0]).astype(int) + opened(bright[0]) - 255).max() <= 1


def test_what_is_not_finite_is_black_and_counted(tmp_path: Path) -> None:
    values = np.full((4, 4, 1), 0.5, np.float32)
    values[0, 0], values[1, 1], values[2, 2] = np.nan, np.inf, -np.inf

    exported = export_slices(
        Volume(values, affine_along("LPS", (1, 1, 1))), tmp_path, planes="axial", window=(0, 1)
    )

    picture = opened(exported[0])
    assert [picture[n, n] for n in range(4)] == [0, 255, 0, 128]
    assert exported.clipped_percent == pytest.approx(100 * 3 / 16)


def test_constant_and_empty_scans_make_pictures(tmp_path: Path) -> None:
    for number, fill in enumerate((0.0, np.nan)):
        flat = Volume(np.full((3, 3, 2), fill), np.eye(4))
        assert len(export_slices(flat, tmp_path / str(number), planes="axial")) == 2


def test_frames_are_named_apart(tmp_path: Path) -> None:
    data = np.arange(3 * 3 * 2 * 4).reshape(3, 3, 2, 4).astype(np.int16)
    volume = Volume(data, np.eye(4), (Axis("t"),))

    every = export_slices(volume, tmp_path / "a", planes="axial", depth=16)
    one = export_slices(volume, tmp_path / "b", planes="axial", depth=16, frames=2)

    assert every[0].name == "axial_0000_t0000.png"
    assert len(every) == 8
    assert [path.name for path in one] == ["axial_0000.png", "axial_0001.png"]
    np.testing.assert_array_equal(opened(one[1]), opened(tmp_path / "a" / "axial_0001_t0002.png"))
    with pytest.raises(StepError, match="frame 4 is asked for, there are 4"):
        export_slices(volume, tmp_path / "c", frames=4)


def test_colours_stay_colours(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, (5, 4, 2, 3)).astype(np.uint8)
    volume = Volume(values, affine_along("LPS", (1, 1, 1)), (Axis("rgb"),))

    exported = export_slices(volume, tmp_path, planes="axial")

    np.testing.assert_array_equal(opened(exported[1]), values[:, :, 1].transpose(1, 0, 2))
    with pytest.raises(StepError, match="these are colours"):
        export_slices(volume, tmp_path / "b", depth=16)


# -- files of many pictures -------------------------------------------------------------------


def test_a_stack_is_imagejs_with_its_voxel_size(tmp_path: Path) -> None:
    volume = box()

    (path,) = export_slices(volume, tmp_path, planes="axial", format="tiff stack", depth=16)

    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert file.imagej_metadata is not None
        assert (file.imagej_metadata["spacing"], file.imagej_metadata["unit"]) == (2, "mm")
        assert file.pages[0].tags["XResolution"].value == (1, 1)  # type: ignore[union-attr]
        pages = file.asarray().astype(int) - 100
    np.testing.assert_array_equal(pages, volume.data.T)


@pytest.mark.parametrize("colours", [False, True])
def test_an_animation_has_every_picture(colours: bool, tmp_path: Path) -> None:
    volume = box((6, 5, 9))
    scene: Any = [(volume, {"colormap": "hot"})] if colours else volume

    (path,) = export_slices(scene, tmp_path / "g", planes="axial", format="gif", fps=20)
    singles = export_slices(scene, tmp_path / "p", planes="axial")

    with Image.open(path) as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (9, 50, 0)  # type: ignore[attr-defined]
        for number, single in enumerate(singles):
            image.seek(number)
            shown = np.asarray(image.convert("RGB")).astype(int)
            with Image.open(single) as still:
                expected = np.asarray(still.convert("RGB"))
            assert np.abs(shown - expected).max() <= (40 if colours else 0)


def test_a_montage_has_its_tiles_in_their_places(tmp_path: Path) -> None:
    volume = box((6, 5, 6))

    (path,) = export_slices(
        volume, tmp_path / "m", planes="axial", format="montage", grid=(2, 3), window="full"
    )
    singles = export_slices(volume, tmp_path / "p", planes="axial", window="full")

    sheet = opened(path)
    assert sheet.shape == (2 * 5 + 2, 3 * 6 + 4)
    for number, single in enumerate(singles):
        top, left = number // 3 * 7, number % 3 * 8
        np.testing.assert_array_equal(sheet[top : top + 5, left : left + 6], opened(single))
    rows = rows_of(export_slices(volume, tmp_path / "m", planes="axial", format="montage",
                                 grid=(2, 3), window="full"))  # fmt: skip
    assert [(row["page"], row["index"]) for row in rows] == [(str(n), str(n)) for n in range(6)]


def test_a_montage_spreads_its_tiles_over_long_scans(tmp_path: Path) -> None:
    volume = Volume(np.zeros((4, 4, 200), np.uint8), np.eye(4))

    rows = rows_of(export_slices(volume, tmp_path, planes="axial", format="montage"))

    assert len(rows) == 20
    assert [int(row["index"]) for row in rows][:2] == [5, 15]


# -- words in pictures --------------------------------------------------------------------------


def test_letters_bar_and_place_are_drawn_where_asked(tmp_path: Path) -> None:
    volume = Volume(np.zeros((200, 200, 3), np.uint8), affine_along("LPS", (1, 1, 1)))
    options: dict[str, Any] = {"planes": "axial", "slices": [1], "window": (0, 255)}

    plain = opened(export_slices(volume, tmp_path / "0", **options)[0])
    letters = opened(export_slices(volume, tmp_path / "1", letters=True, **options)[0])
    bar = opened(export_slices(volume, tmp_path / "2", scale_bar=True, **options)[0])
    place = opened(export_slices(volume, tmp_path / "3", position=True, **options)[0])

    assert not plain.any()
    assert all(part.any() for part in (letters[:20, 90:110], letters[-20:, 90:110]))
    assert all(part.any() for part in (letters[90:110, :20], letters[90:110, -20:]))
    assert not letters[30:80, 30:80].any()
    # 200 mm wide: the longest of 1, 2, 5, … that is under a third is 50 mm, 50 pixels.
    widest = max(int((row == 255).sum()) for row in bar[-20:])
    assert widest == 51
    assert place[:20, :60].any()
    assert not place[40:].any()


# -- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"format": "bmp"}, "there is no format 'bmp'"),
        ({"format": "mp4"}, "needs an encoder of video"),
        ({"depth": 12}, "a depth of 12 bits"),
        ({"depth": 16, "format": "jpeg"}, "jpeg holds 8 bits, not 16"),
        ({"depth": 16, "letters": True}, "letters would change them"),
        ({"quality": 0}, "a quality of 0"),
        ({"fps": 0}, "0 pictures a second"),
        ({"interpolation": "lanczos"}, "'lanczos' is no interpolation"),
        ({"planes": ()}, "no plane is asked for"),
        ({"slices": [99]}, "99 is asked for, there are 4"),
        ({"slices": slice(9, 20)}, "none is asked for, there are 4"),
        ({"name": "{plane"}, "expected '}'"),
        ({"name": "{patient}"}, "it has no field 'patient'"),
        ({"name": "{index.real}"}, "it has no field 'index.real'"),
        ({"name": "{plane:04d}"}, "Unknown format code"),
        ({"name": "../{index}"}, "is no name within the folder"),
        ({"name": "a?{index}"}, "characters that no file can have"),
        ({"name": "same"}, "two pictures would be called 'same.png'"),
        ({"identifiers": "maybe"}, "neither refuse nor allow"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    asked: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(StepError, match=why.replace("(", r"\(")):
        export_slices(box(), tmp_path / "out", **{"planes": "axial", **asked})
    assert not (tmp_path / "out").exists()


def patient(**more: str) -> Volume:
    said = {"PatientName": "MEIER^ANNA", "PatientID": "4711", **more}
    return box(name="T1 Meier", header=tuple(Field("Patient", k, v) for k, v in said.items()))


@pytest.mark.parametrize(
    ("volume", "name", "why"),
    [
        (patient(), "meier_{index}", "the names of files would hold PatientName"),
        (patient(), "4711/{index}", "the names of files would hold PatientID"),
        (patient(), "{name}_{index}", "would hold PatientName"),
        (patient(PatientBirthDate="19500102"), "b19500102_{index}", "hold PatientBirthDate"),
        (box(name="T1"), "{name}_{index}", "the name of a scan may name the patient"),
        (patient(BurnedInAnnotation="YES"), "", r"burned into its pixels \(BurnedInAnnotation\)"),
        (patient(RecognizableVisualFeatures="YES"), "", "the patient can be recognised"),
    ],
)
def test_identifiers_are_not_let_out_unless_allowed(
    volume: Volume, name: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(WriteError, match=why):
        export_slices(volume, tmp_path, planes="axial", name=name)
    assert not list(tmp_path.iterdir())

    exported = export_slices(volume, tmp_path, planes="axial", name=name, identifiers="allow")

    assert len(exported) == 4
    assert exported.notes


def test_a_number_of_the_patient_is_not_found_in_the_number_of_a_slice(tmp_path: Path) -> None:
    volume = patient(PatientID="000", InstitutionName="Axial Imaging")

    assert len(export_slices(volume, tmp_path, planes="axial")) == 4
    with pytest.raises(WriteError, match="would hold InstitutionName"):
        export_slices(volume, tmp_path, planes="axial", name="imaging/{index}")


def test_nothing_that_is_written_names_the_patient(tmp_path: Path) -> None:
    exported = export_slices(patient(), tmp_path, planes="axial", letters=True, position=True)

    assert exported.notes == ()
    for path in tmp_path.iterdir():
        content = (path.name.encode() + path.read_bytes()).lower()
        assert not any(word in content for word in (b"meier", b"anna", b"4711"))


def test_ultrasound_is_exported_with_a_word_of_warning(tmp_path: Path) -> None:
    exported = export_slices(patient(Modality="US"), tmp_path, planes="axial")

    assert "look at them" in exported.notes[0]
