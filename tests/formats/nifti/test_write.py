"""What a NIfTI header says survives a round trip, and is brought up to date where it must be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol import Step, affines
from napari_medvol.errors import WriteError
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import affine_along, numbered, rotated, sheared

SCANNER = rotated(affine_along("LAS", (1.5, 2, 2.5)), 20)
MNI = affine_along("LAS", (1.6, 2.1, 2.4), (80, -100, -60))


def source(path: Path, cls: Any = nib.Nifti1Image, **fields: Any) -> Path:
    """Write a 4-D file with every part of its header in use, with nibabel."""
    values = np.arange(4 * 5 * 6 * 3, dtype=np.int16).reshape(4, 5, 6, 3)
    image = cls(values, None)
    header = image.header
    header.set_sform(MNI, 4)
    header.set_qform(SCANNER, 1)
    header.set_xyzt_units("mm", "sec")
    header["pixdim"][4] = 2.5
    header["toffset"] = 1.25
    header["cal_min"], header["cal_max"] = 10, 90
    header["descrip"], header["aux_file"] = b"a phantom", b"atlas"
    header["intent_name"] = b"test"
    header.set_dim_info(0, 1, 2)
    header["slice_code"], header["slice_end"], header["slice_duration"] = 3, 5, 0.1
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    header.extensions.append(nib.nifti1.Nifti1Extension(4, b"<AFNI/>"))
    for name, value in fields.items():
        header[name] = value
    image.to_filename(path)
    return path


def differing(one: Any, other: Any) -> list[str]:
    """Return the fields in which two headers mean different things."""
    return [
        name
        for name in one
        if not np.array_equal(one[name], other[name])
        and not (one[name].dtype.kind == "f" and np.isnan(one[name]).all())
    ]


@pytest.mark.parametrize("cls", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_header_survives_field_by_field(cls: Any, tmp_path: Path) -> None:
    path = source(tmp_path / "in.nii", cls)
    (scan,) = mv.read(path)

    mv.write(scan, tmp_path / "out.nii.gz")
    before, after = nib.load(path), nib.load(tmp_path / "out.nii.gz")

    assert type(after) is cls
    assert differing(before.header, after.header) == []
    assert after.header.get_sform(coded=True)[1] == 4
    assert after.header.get_qform(coded=True)[1] == 1
    np.testing.assert_allclose(after.get_qform(), SCANNER, atol=1e-5)
    kept = [(e.get_code(), e.get_content()) for e in after.header.extensions]
    assert [code for code, _ in kept] == [6, 4]
    np.testing.assert_array_equal(after.dataobj, before.dataobj)


def test_a_crop_moves_qform_and_sform_alike_and_keeps_their_codes(tmp_path: Path) -> None:
    path = source(tmp_path / "in.nii")
    (scan,) = mv.read(path)
    cropped = mv.apply(scan, [Step("crop", {"start": (1, 2, 3), "stop": (3, 5, 6)})])

    mv.write(cropped, tmp_path / "out.nii")
    ours, theirs = nib.load(tmp_path / "out.nii"), nib.load(path).slicer[1:3, 2:5, 3:6]

    np.testing.assert_allclose(ours.get_sform(), theirs.get_sform(), atol=1e-4)
    moved = affines.cropped(SCANNER, (1, 2, 3))
    np.testing.assert_allclose(ours.get_qform(), moved, atol=1e-4)
    assert (ours.header["qform_code"], ours.header["sform_code"]) == (1, 4)
    assert ours.header["pixdim"][4] == 2.5
    assert ours.header["slice_code"] == 0  # the slices it counts are no longer there
    assert ours.header.get_dim_info() == (0, 1, 2)


def test_a_turn_forgets_which_axis_was_phase(tmp_path: Path) -> None:
    (scan,) = mv.read(source(tmp_path / "in.nii"))

    mv.write(mv.apply(scan, [Step("orient", {"axcodes": "PIR"})]), tmp_path / "out.nii")

    ours = nib.load(tmp_path / "out.nii")
    assert ours.header.get_dim_info() == (None, None, None)
    assert nib.aff2axcodes(ours.affine) == ("P", "I", "R")


def test_a_volume_that_was_moved_has_one_place_only(tmp_path: Path) -> None:
    (scan,) = mv.read(source(tmp_path / "in.nii"))
    moved = scan.derive(Step("edit", {"layer": "x"}), affine=affine_along("RAS"))

    mv.write(moved, tmp_path / "out.nii")

    ours = nib.load(tmp_path / "out.nii")
    np.testing.assert_allclose(ours.get_sform(), affine_along("RAS"), atol=1e-5)
    np.testing.assert_allclose(ours.get_qform(), affine_along("RAS"), atol=1e-5)


@pytest.mark.parametrize(("form", "kept"), [("qform", SCANNER), ("sform", MNI)])
def test_the_form_that_was_read_by_is_the_one_that_is_cropped(
    form: str, kept: Any, tmp_path: Path
) -> None:
    (scan,) = mv.read(source(tmp_path / "in.nii"), form=form)
    np.testing.assert_allclose(scan.affine, kept, atol=1e-5)
    cropped = mv.apply(scan, [Step("crop", {"start": (1, 0, 0), "stop": (3, 5, 6)})])

    told = mv.write(cropped, tmp_path / "out.nii")

    ours = nib.load(tmp_path / "out.nii")
    np.testing.assert_allclose(ours.get_sform(), cropped.affine, atol=1e-5)
    np.testing.assert_allclose(ours.get_qform()[:3, :3], np.asarray(SCANNER)[:3, :3], atol=1e-5)
    assert any("the sform led" in note for note in told.notes) == (form == "qform")
    if form == "qform":  # the code of a place that the sform no longer leads to would be a lie
        assert ours.header["sform_code"] == ours.header["qform_code"]


@pytest.mark.parametrize("codes", [("unknown", "aligned"), ("auto", "unknown"), "aligned"])
@pytest.mark.parametrize("form", ["qform", "sform"])
def test_whichever_form_is_left_leads_to_the_place_that_was_read(
    form: str, codes: Any, tmp_path: Path
) -> None:
    (scan,) = mv.read(source(tmp_path / "in.nii"), form=form)

    mv.write(scan, tmp_path / "out.nii", codes=codes)

    np.testing.assert_allclose(nib.load(tmp_path / "out.nii").affine, scan.affine, atol=1e-5)


class TestCodes:
    """qform and sform codes."""

    def test_a_volume_from_nowhere_is_aligned(self, tmp_path: Path) -> None:
        mv.write(numbered((3, 3, 3)), tmp_path / "x.nii")
        header = nib.load(tmp_path / "x.nii").header

        assert (header["qform_code"], header["sform_code"]) == (2, 2)

    def test_a_scan_of_a_patient_is_in_the_scanner(self, tmp_path: Path) -> None:
        mv.write(numbered((3, 3, 3), frame_of_reference="1.2.3"), tmp_path / "x.nii")
        header = nib.load(tmp_path / "x.nii").header

        assert (header["qform_code"], header["sform_code"]) == (1, 1)

    def test_a_sheared_grid_has_no_qform(self, tmp_path: Path) -> None:
        volume = numbered((3, 3, 3), affine=sheared(affine_along("LPS")), frame_of_reference="1.2")
        mv.write(volume, tmp_path / "x.nii")
        header = nib.load(tmp_path / "x.nii").header

        assert (header["qform_code"], header["sform_code"]) == (0, 1)

    def test_the_course_wants_its_own(self, tmp_path: Path) -> None:
        mv.write(numbered((3, 3, 3)), tmp_path / "x.nii", codes=("unknown", "aligned"))
        header = nib.load(tmp_path / "x.nii").header

        assert (header["qform_code"], header["sform_code"]) == (0, 2)

    @pytest.mark.parametrize(
        ("had", "asked", "wanted"),
        [
            ((2, 2), ("unknown", "auto"), (0, 2)),
            ((4, 3), ("auto", "unknown"), (4, 0)),
            ((4, 3), ("auto", "auto"), (4, 3)),
            ((1, 0), ("unknown", "auto"), (0, 1)),
            ((1, 3), ("aligned", "auto"), (2, 3)),
        ],
    )
    def test_auto_keeps_the_code_of_the_source(
        self, had: tuple[int, int], asked: Any, wanted: tuple[int, int], tmp_path: Path
    ) -> None:
        image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine_along("LPS"))
        image.set_qform(image.affine, had[0])
        image.set_sform(image.affine, had[1])
        image.to_filename(tmp_path / "in.nii")
        (scan,) = mv.read(tmp_path / "in.nii")

        mv.write(scan, tmp_path / "x.nii", codes=asked)

        written = nib.load(tmp_path / "x.nii")
        header = written.header
        assert (int(header["qform_code"]), int(header["sform_code"])) == wanted
        np.testing.assert_allclose(written.affine, image.affine, atol=1e-5)

    def test_without_any_code_a_place_that_readers_would_guess_wrong_is_refused(
        self, tmp_path: Path
    ) -> None:
        affine = np.diag([-1.0, 2, 3, 1])
        affine[:3, 3] = (1.0, -3.0, 0.0)  # where METHOD 1 has it, but for k

        with pytest.raises(
            WriteError, match=r"voxel sizes alone: .* 6 mm off.*codes=unknown,auto"
        ):
            mv.write(numbered((3, 4, 5), affine=affine), tmp_path / "x.nii", codes="unknown")
        assert not list(tmp_path.iterdir())

        affine[2, 3] = -6
        mv.write(numbered((3, 4, 5), affine=affine), tmp_path / "x.nii", codes="unknown")
        np.testing.assert_allclose(nib.load(tmp_path / "x.nii").affine, affine)

    def test_a_place_nobody_knows_stays_unknown_until_it_is_changed(self, tmp_path: Path) -> None:
        image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), None)
        image.header.set_zooms((1, 2, 3))
        image.to_filename(tmp_path / "in.nii")
        (scan,) = mv.read(tmp_path / "in.nii")

        mv.write(scan, tmp_path / "same.nii")
        certificate = mv.write(
            mv.apply(scan, [Step("crop", {"start": (0, 1, 0), "stop": (4, 5, 6)})]),
            tmp_path / "cropped.nii",
        )

        codes = [
            tuple(
                int(nib.load(tmp_path / name).header[f"{form}_code"])
                for form in ("qform", "sform")
            )
            for name in ("same.nii", "cropped.nii")
        ]
        assert codes == [(0, 0), (0, 2)]
        assert "the assumed one was written" in certificate.notes[0]


class TestScale:
    """Stored numbers and their slope."""

    def test_the_slope_of_the_file_is_kept_through_a_crop(self, tmp_path: Path) -> None:
        values = np.arange(-500, 500, dtype=np.int16).reshape(10, 10, 10)
        image = nib.Nifti1Image(values, np.eye(4))
        image.header.set_slope_inter(0.0153, -3.25)
        image.to_filename(tmp_path / "in.nii")
        (scan,) = mv.read(tmp_path / "in.nii")
        cropped = mv.apply(scan, [Step("crop", {"start": (2, 0, 0), "stop": (9, 10, 10)})])

        certificate = mv.write(cropped, tmp_path / "out.nii")
        after = nib.load(tmp_path / "out.nii")

        assert certificate.dtype == "int16"
        assert certificate.largest_error == 0
        assert after.dataobj.slope == pytest.approx(0.0153)
        np.testing.assert_array_equal(after.dataobj.get_unscaled(), values[2:9])

    def test_values_that_left_its_steps_become_floats(self, tmp_path: Path) -> None:
        image = nib.Nifti1Image(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4))
        image.header.set_slope_inter(0.5, 0)
        image.to_filename(tmp_path / "in.nii")
        (scan,) = mv.read(tmp_path / "in.nii")
        changed = scan.derive(Step("edit"), data=np.asarray(scan.data) / 3)

        assert mv.write(changed, tmp_path / "out.nii").dtype == str(scan.dtype)


class TestAxes:
    """Time, units, versions."""

    @pytest.mark.parametrize(
        ("unit", "code", "factor"), [("s", 8, 1.0), ("ms", 16, 1.0), ("Hz", 32, 1.0), ("", 0, 1.0)]
    )
    def test_the_unit_of_the_fourth_axis(
        self, unit: str, code: int, factor: float, tmp_path: Path
    ) -> None:
        volume = replace(
            numbered((3, 3, 3, 2)), axes=(Axis("t", 2.5, unit, 1.5 if unit else 0.0),)
        )

        mv.write(volume, tmp_path / "x.nii")
        header = nib.load(tmp_path / "x.nii").header

        assert header["xyzt_units"] == code + 2
        assert header["pixdim"][4] == 2.5 * factor
        assert header["toffset"] == (1.5 if unit else 0)

    @pytest.mark.parametrize(("spatial", "factor"), [("micron", 1000), ("meter", 0.001)])
    def test_the_unit_of_length_of_the_file_is_kept(
        self, spatial: str, factor: float, tmp_path: Path
    ) -> None:
        image = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.diag([1, 2, 3, 1]))
        image.header.set_xyzt_units(spatial, "msec")
        image.to_filename(tmp_path / "in.nii")
        (scan,) = mv.read(tmp_path / "in.nii")

        mv.write(scan, tmp_path / "out.nii")

        assert scan.zooms[0] == pytest.approx(1 / factor)
        np.testing.assert_allclose(nib.load(tmp_path / "out.nii").affine, image.affine)
        assert nib.load(tmp_path / "out.nii").header.get_xyzt_units() == (spatial, "msec")

    def test_long_axes_need_version_2(self, tmp_path: Path) -> None:
        volume = numbered((40000, 1, 1), np.uint8)

        mv.write(volume, tmp_path / "x.nii")
        assert isinstance(nib.load(tmp_path / "x.nii"), nib.Nifti2Image)
        with pytest.raises(WriteError, match="at most 32767 voxels, one here has 40000"):
            mv.write(volume, tmp_path / "y.nii", version=1)

    def test_version_2_by_choice(self, volume: Volume, tmp_path: Path) -> None:
        mv.write(volume, tmp_path / "x.nii.gz", version=2)

        assert isinstance(nib.load(tmp_path / "x.nii.gz"), nib.Nifti2Image)

    def test_seven_axes_and_no_more(self, tmp_path: Path) -> None:
        mv.write(numbered((2, 2, 2, 2, 2, 2, 2)), tmp_path / "x.nii")
        assert nib.load(tmp_path / "x.nii").shape == (2,) * 7

        eight = Volume(np.zeros((1,) * 8), np.eye(4), tuple(Axis(n) for n in "tuvwx"))
        with pytest.raises(WriteError, match="NIfTI has 7 axes, 8 are to be written"):
            mv.write(eight, tmp_path / "y.nii")


def test_labels_are_labels_again(tmp_path: Path) -> None:
    volume = numbered((3, 3, 3), np.uint8, kind="labels")
    mv.write(volume, tmp_path / "regions.nii")
    mv.write(volume, tmp_path / "x_seg.nii")

    assert [mv.read(tmp_path / n)[0].kind for n in ("regions.nii", "x_seg.nii")] == ["labels"] * 2
    assert nib.load(tmp_path / "regions.nii").header["intent_code"] == 1002


def test_an_image_whose_name_says_labels_is_told_of(tmp_path: Path) -> None:
    certificate = mv.write(numbered((3, 3, 3)), tmp_path / "mask.nii")

    assert certificate.notes == ("its name makes readers take the image for labels",)


class TestProvenance:
    """Where it comes from, beside the file and in it."""

    @pytest.fixture
    def cropped(self, tmp_path: Path) -> Volume:
        (scan,) = mv.read(source(tmp_path / "in.nii"))
        return mv.apply(scan, [Step("crop", {"start": (1, 2, 3), "stop": (3, 5, 6)})])

    def test_the_recipe_beside_the_file_makes_it_again(
        self, cropped: Volume, tmp_path: Path
    ) -> None:
        certificate = mv.write(cropped, tmp_path / "out.nii.gz")

        assert sorted(Path(f).name for f in certificate.files) == ["out.json", "out.nii.gz"]
        said = json.loads((tmp_path / "out.json").read_text())["napari-medvol"]
        recipe = mv.Recipe.from_toml(said["recipe"])
        again = mv.apply(mv.read(recipe.inputs[0]["path"])[0], recipe.steps)
        mv.write(again, tmp_path / "again.nii.gz")
        assert (tmp_path / "again.nii.gz").read_bytes() == (tmp_path / "out.nii.gz").read_bytes()

    def test_none_where_nothing_was_done_or_asked(self, cropped: Volume, tmp_path: Path) -> None:
        (scan,) = mv.read(tmp_path / "in.nii")

        assert len(mv.write(scan, tmp_path / "a.nii").files) == 1
        assert len(mv.write(cropped, tmp_path / "b.nii", sidecar="none").files) == 1
        assert len(mv.write(scan, tmp_path / "c.nii", sidecar="provenance").files) == 2

    def test_two_formats_of_one_name_have_a_file_each(
        self, cropped: Volume, tmp_path: Path
    ) -> None:
        mv.write(cropped, tmp_path / "x.nii")
        certificate = mv.write(
            mv.apply(cropped, [Step("frame", {"index": 0})]), tmp_path / "x.mgz"
        )

        names = sorted(Path(file).name for file in certificate.files)
        assert names == ["x.mgz", "x.mgz.json"]

    def test_in_the_file_by_choice(self, cropped: Volume, tmp_path: Path) -> None:
        mv.write(cropped, tmp_path / "x.nii", provenance=True)
        (*_, last) = nib.load(tmp_path / "x.nii").header.extensions

        assert last.get_code() == 6
        assert "crop" in last.get_content().decode()
        assert "crop" in str(mv.read(tmp_path / "x.nii")[0].native.extensions[-1].content)


@pytest.mark.parametrize(
    "name", ["x.nii.gz", "x.nii.bz2", "x.nii.zst", "x.hdr.gz", "X.IMG", "x.img"]
)
def test_every_spelling_of_a_target(name: str, volume: Volume, tmp_path: Path) -> None:
    mv.write(volume, tmp_path / name)

    (back,) = mv.read(tmp_path / name)
    np.testing.assert_array_equal(back.data, volume.data)


@pytest.mark.parametrize("level", [0, 1, 3, 6, 9])
def test_every_level_of_compression_is_read_again(level: int, tmp_path: Path) -> None:
    for suffix in (".nii.gz", ".nii.bz2", ".nii.zst"):
        mv.write(numbered((9, 9, 9)), tmp_path / f"{level}{suffix}", level=level)


def test_a_plane_that_could_not_be_read_is_not_written_as_zeros(tmp_path: Path) -> None:
    from napari_medvol.arrays import LazyArray
    from tests.phantoms.sources import ArraySource

    data = LazyArray(ArraySource(np.ones((4, 3, 3)), broken=[2])).transpose()
    volume = Volume(data, np.eye(4), name="CT")
    data.store.on_error = lambda number, error: None

    with pytest.raises(WriteError, match="1 of its planes could not be read"):
        mv.write(volume, tmp_path / "x.nii")
    assert not list(tmp_path.iterdir())
