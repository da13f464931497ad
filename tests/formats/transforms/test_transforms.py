"""Transform files against the programs whose they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_medvol.affines import apply_affine
from napari_medvol.errors import ReadError, WriteError
from napari_medvol.formats.transforms import DIALECTS, read_transform, write_transform
from napari_medvol.ops import apply
from napari_medvol.volume import Step, Volume
from tests.phantoms.volumes import affine_along, rotated

LPS = np.diag([-1.0, -1, 1, 1])
POINTS = np.random.default_rng(3).uniform(-100, 100, (20, 3))
MATRIX = np.array(
    [[0.98, -0.15, 0.1, 12.5], [0.16, 1.02, -0.03, -7.25], [-0.09, 0.05, 0.95, 3], [0, 0, 0, 1]]
)
FIXED = Volume(
    np.random.default_rng(1).uniform(0, 90, (20, 24, 18)).astype(np.float32),
    rotated(affine_along("LAS", (1.5, 1.0, 2.0), (12, -13, -15)), 7),
    name="fixed",
)
MOVING = Volume(
    np.random.default_rng(2).uniform(0, 90, (22, 19, 16)).astype(np.float32),
    affine_along("RAS", (1.2, 1.4, 1.9), (-14, -12, -16)),
    name="moving",
)


def nifti(volume: Volume, path: Path) -> Any:
    """Save with nibabel alone, codes and all."""
    image = nib.Nifti1Image(np.asarray(volume.data), volume.affine)
    nib.save(image, path)
    return nib.load(path)


def transforms_of_itk(sitk: Any) -> dict[str, Any]:
    affine = sitk.AffineTransform(3)
    affine.SetMatrix([1.1, 0.1, 0, -0.05, 1, 0.2, 0.05, 0, 0.9])
    affine.SetTranslation((1, 2, 3))
    affine.SetCenter((5, 6, 7))
    zyx = sitk.Euler3DTransform((1, 2, 3), 0.1, -0.2, 0.3, (4, 5, 6))
    zyx.SetComputeZYX(True)
    versor = sitk.VersorTransform((0, 0.6, 0.8), 0.4)
    versor.SetCenter((3, 4, 5))
    similar = sitk.Similarity3DTransform()
    similar.SetRotation((1, 0, 0), 0.3)
    similar.SetScale(1.2)
    similar.SetTranslation((9, 8, 7))
    similar.SetCenter((1, 2, 3))
    scaled = sitk.ScaleTransform(3, (1.1, 0.9, 1.05))
    scaled.SetCenter((10, 20, 30))
    unusual = sitk.ScaleVersor3DTransform()
    unusual.SetRotation((0, 0, 1), 0.2)
    unusual.SetScale((1.1, 1.2, 0.9))
    return {
        "affine": affine,
        "euler": sitk.Euler3DTransform((1, 2, 3), 0.1, -0.2, 0.3, (4, 5, 6)),
        "euler ZYX": zyx,
        "versor": versor,
        "rigid": sitk.VersorRigid3DTransform((0, 1, 0), 0.5, (1, 2, 3), (7, 8, 9)),
        "similarity": similar,
        "scale": scaled,
        "translation": sitk.TranslationTransform(3, (1.5, -2.5, 4)),
        "identity": sitk.Transform(3, sitk.sitkIdentity),
        "composite": sitk.CompositeTransform([zyx, affine, versor]),
        "read by SimpleITK": unusual,
    }


KINDS = (
    "affine", "euler", "euler ZYX", "versor", "rigid", "similarity", "scale", "translation",
    "identity", "composite", "read by SimpleITK",
)  # fmt: skip


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".mat", ".h5"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_linear_transform_of_itk_leads_to_where_itk_says(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    sitk = pytest.importorskip("SimpleITK")
    if suffix == ".mat" and kind in ("composite", "identity"):
        pytest.skip("ITK writes no such MATLAB file")
    theirs = transforms_of_itk(sitk)[kind]
    sitk.WriteTransform(theirs, str(tmp_path / f"t{suffix}"))

    ours = read_transform(tmp_path / f"t{suffix}")

    # ITK leads from the fixed scan to the moving one, in LPS+.
    back = [theirs.TransformPoint(p) for p in apply_affine(LPS, apply_affine(ours, POINTS))]
    np.testing.assert_allclose(apply_affine(LPS, back), POINTS, atol=1e-9)


def image_of(volume: Volume, sitk: Any) -> Any:
    """A volume as SimpleITK has it: LPS+, slowest axis first."""
    image = sitk.GetImageFromArray(np.asarray(volume.data).transpose(2, 1, 0))
    lps = LPS @ volume.affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def test_simpleitk_resamples_by_a_saved_file_as_we_do(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    file = write_transform(MATRIX, tmp_path / "t.tfm")
    transform = sitk.ReadTransform(str(file))

    fixed, moving = image_of(FIXED, sitk), image_of(MOVING, sitk)
    theirs = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, -5.0)
    grid = {"shape": FIXED.shape, "affine": FIXED.affine.tolist(), "outside": -5.0}
    ours = apply(MOVING, [Step("move", {"matrix": MATRIX.tolist()}), Step("resample", grid)])

    expected = sitk.GetArrayFromImage(theirs).transpose(2, 1, 0)
    # At the rim, ITK and we draw the border a hair apart.
    inner = (expected != -5) & (np.asarray(ours.data) != -5)
    assert inner.sum() > 1000
    assert (expected != -5).sum() == pytest.approx(inner.sum(), rel=0.2)
    np.testing.assert_allclose(np.asarray(ours.data)[inner], expected[inner], atol=2e-3)


def test_fsl_means_voxels_times_their_size_counted_from_the_right(tmp_path: Path) -> None:
    flirt = np.array([[1, 0.02, 0, 3], [-0.02, 1, 0.01, -4], [0, -0.01, 1, 2.5], [0, 0, 0, 1.0]])
    (tmp_path / "in2ref.mat").write_text("\n".join("  ".join(map(str, r)) for r in flirt))

    ours = read_transform(tmp_path / "in2ref.mat", moving=MOVING, fixed=FIXED)

    # Voxel by voxel, without a matrix for FSL's coordinates: MOVING is RAS, neurological, so x
    # is counted from its last column; FIXED is LAS, radiological, so it is not.
    for voxel in ((0, 0, 0), (21, 0, 5), (3, 7, 11)):
        i, j, k = voxel
        mm = np.array([(22 - 1 - i) * 1.2, j * 1.4, k * 1.9])
        landed = flirt[:3, :3] @ mm + flirt[:3, 3]
        in_fixed = landed / (1.5, 1.0, 2.0)
        np.testing.assert_allclose(
            apply_affine(ours, apply_affine(MOVING.affine, voxel)),
            apply_affine(FIXED.affine, in_fixed),
            atol=1e-9,
        )


@pytest.mark.parametrize(
    ("moving", "fixed"), [(MOVING, FIXED), (FIXED, MOVING), (FIXED, FIXED), (MOVING, MOVING)]
)
def test_fsl_agrees_with_nitransforms(moving: Volume, fixed: Volume, tmp_path: Path) -> None:
    fsl = pytest.importorskip("nitransforms.io.fsl")
    images = {
        "moving": nifti(moving, tmp_path / "m.nii"),
        "reference": nifti(fixed, tmp_path / "f.nii"),
    }
    # nitransforms leads from the reference to the moving scan.
    theirs = fsl.FSLLinearTransform.from_ras(np.linalg.inv(MATRIX), **images)
    (tmp_path / "theirs.mat").write_text(theirs.to_string())
    write_transform(MATRIX, tmp_path / "ours.mat", moving=moving, fixed=fixed)

    ours = fsl.FSLLinearTransform.from_filename(tmp_path / "ours.mat").to_ras(**images)

    np.testing.assert_allclose(np.linalg.inv(ours), MATRIX, atol=1e-5)
    read = read_transform(tmp_path / "theirs.mat", moving=moving, fixed=fixed)
    np.testing.assert_allclose(read, MATRIX, atol=1e-5)


@pytest.mark.parametrize("missing", ["moving", "fixed"])
def test_fsl_without_one_of_its_scans_is_refused(missing: str, tmp_path: Path) -> None:
    (tmp_path / "t.mat").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    scans = {"moving": MOVING, "fixed": FIXED, missing: None}

    with pytest.raises(ReadError, match=r"missing.*FLIRT"):
        read_transform(tmp_path / "t.mat", **scans)
    with pytest.raises(WriteError, match="missing"):
        write_transform(MATRIX, tmp_path / "new.mat", **scans)
    assert not (tmp_path / "new.mat").exists()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_written_is_read_back(dialect: str, tmp_path: Path) -> None:
    file = tmp_path / f"t{DIALECTS[dialect].suffixes[0]}"
    write_transform(MATRIX, file, moving=MOVING, fixed=FIXED)

    np.testing.assert_allclose(
        read_transform(file, moving=MOVING, fixed=FIXED), MATRIX, atol=1e-12
    )
    with pytest.raises(WriteError, match="there already"):
        write_transform(MATRIX, file, moving=MOVING, fixed=FIXED)
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def lta(kind: int, matrix: np.ndarray, *scans: Volume | None) -> str:
    """An LTA as FreeSurfer's programs write it, with geometry worked out by nibabel."""
    rows = "\n".join(" ".join(f"{v:.15e}" for v in row) for row in matrix)
    text = (
        f"# transform file t.lta\n# created by somebody\n\ntype      = {kind}\nnxforms   = 1\n"
        f"mean      = 0.0000 0.0000 0.0000\nsigma     = 1.0000\n1 4 4\n{rows}\n"
    )
    for name, scan in zip(("src", "dst"), scans, strict=True):
        text += f"{name} volume info\n"
        if scan is None:
            text += "valid = 0  # volume info invalid\n"
            continue
        head = nib.MGHImage(np.asarray(scan.data), scan.affine).header
        delta, mdc, centre = head["delta"], head["Mdc"], head["Pxyz_c"]
        text += (
            f"valid = 1  # volume info valid\nfilename = {name}.mgz\n"
            f"volume = {' '.join(map(str, scan.shape))}\n"
            f"voxelsize = {' '.join(map(str, delta))}\n"
            + "".join(
                f"{a}ras   = {' '.join(map(str, row))}\n"
                for a, row in zip("xyz", mdc, strict=True)
            )
            + f"cras   = {' '.join(map(str, centre))}\n"
        )
    return text + "subject fsaverage\nfscale 0.15\n"


def test_an_lta_of_voxels_or_of_ras_means_the_same_motion(tmp_path: Path) -> None:
    voxels = np.linalg.inv(FIXED.affine) @ MATRIX @ MOVING.affine
    (tmp_path / "ras.lta").write_text(lta(1, MATRIX, None, None))
    (tmp_path / "vox.lta").write_text(lta(0, voxels, MOVING, FIXED))
    (tmp_path / "bare.lta").write_text(lta(0, voxels, None, None))

    np.testing.assert_allclose(read_transform(tmp_path / "ras.lta"), MATRIX, atol=1e-12)
    # FreeSurfer's geometry is kept in single precision.
    np.testing.assert_allclose(read_transform(tmp_path / "vox.lta"), MATRIX, atol=1e-4)
    found = read_transform(tmp_path / "bare.lta", moving=MOVING, fixed=FIXED)
    np.testing.assert_allclose(found, MATRIX, atol=1e-9)
    with pytest.raises(ReadError, match="does not describe its source"):
        read_transform(tmp_path / "bare.lta", fixed=FIXED)


def test_an_lta_agrees_with_nitransforms(tmp_path: Path) -> None:
    theirs = pytest.importorskip("nitransforms.io.lta")
    write_transform(MATRIX, tmp_path / "t.lta", moving=MOVING, fixed=FIXED)

    # It leads from the reference to the moving scan.
    found = theirs.FSLinearTransform.from_filename(tmp_path / "t.lta")

    np.testing.assert_allclose(np.linalg.inv(found.to_ras()), MATRIX, atol=1e-9)


def test_an_xfm_is_ras_moving_to_fixed_and_may_be_inverted_or_have_parts(tmp_path: Path) -> None:
    # The file that FreeSurfer's talairach_avi writes, with other numbers.
    head = "MNI Transform File\n% avi2talxfm\n\n"
    rows = "Linear_Transform = \n1.0 0.1 0 5\n0 1.1 0.2 -6\n0.05 0 0.9 7.5;\n"
    matrix = np.array([[1, 0.1, 0, 5], [0, 1.1, 0.2, -6], [0.05, 0, 0.9, 7.5], [0, 0, 0, 1]])
    (tmp_path / "t.xfm").write_text(f"{head}Transform_Type = Linear;\n{rows}")
    (tmp_path / "i.xfm").write_text(f"{head}Transform_Type = Linear;\nInvert_Flag = True;\n{rows}")
    second = rows.replace("5\n", "50\n")
    (tmp_path / "two.xfm").write_text(
        f"{head}Transform_Type = Linear;\n{rows}\nTransform_Type = Linear;\n{second}"
    )
    after = matrix.copy()
    after[0, 3] = 50

    np.testing.assert_array_equal(read_transform(tmp_path / "t.xfm"), matrix)
    np.testing.assert_allclose(read_transform(tmp_path / "i.xfm") @ matrix, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(read_transform(tmp_path / "two.xfm"), after @ matrix, atol=1e-12)


def test_a_plain_matrix_may_have_commas_and_comments(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("# mine\n1,0,0,5\n0,1,0,6  # y\n\n0,0,1,7\n0,0,0,1\n")

    assert read_transform(tmp_path / "m.csv")[:3, 3].tolist() == [5, 6, 7]


def _displacements(folder: Path) -> Path:
    sitk = pytest.importorskip("SimpleITK")
    field = sitk.DisplacementFieldTransform(sitk.Image([4, 4, 4], sitk.sitkVectorFloat64))
    sitk.WriteTransform(field, str(folder / "bad.tfm"))
    return folder / "bad.tfm"


ITK = "#Insight Transform File V1.0\n#Transform 0\nTransform: {}_double_3_3\n"
ITK += "Parameters: {}\nFixedParameters: {}\n"
AFFINE = "AffineTransform"
EYE = "1 0 0\n0 1 0\n0 0 1\n"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.tfm", ITK.format(AFFINE, "1 0 0 0 1 0 0 0 0 1 2 3", "0 0 0"), "singular"),
        ("a.tfm", ITK.format(AFFINE, "1 0 0 0 1 0", "0 0 0"), "12 parameters, the file has 6"),
        ("a.tfm", ITK.format(AFFINE, "1 0 0 zero", "0 0 0"), "zero"),
        ("a.tfm", ITK.format(AFFINE, "nan 0 0 0 1 0 0 0 1 0 0 0", "0 0 0"), "not finite"),
        ("a.tfm", ITK.format("BSplineTransform", "1 2 3", "0"), "bends space"),
        ("a.tfm", ITK.format("NovelTransform", "1 2 3", "0 0 0"), "NovelTransform"),
        ("a.tfm", "#Insight Transform File V1.0\n", "holds no transform"),
        ("a.tfm", ITK.format(AFFINE, "1 0 0 1 2 3", "0 0").replace("3_3", "2_2"), "2_2"),
        ("m.txt", "1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n", "singular"),
        ("m.txt", "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n", "last row"),
        ("m.txt", EYE, "3 rows"),
        ("m.txt", "a b c d\n" * 4, "'a'"),
        ("m.xfm", "MNI Transform File\nTransform_Type = Grid_Transform;\n", "bends space"),
        ("m.xfm", "MNI Transform File\n", "no transform"),
        ("m.xfm", "MNI Transform File\nTransform_Type = Linear;\nLinear_Transform = 1;", "not 12"),
        ("m.lta", "type = 14\nnxforms = 1\n", "type 14"),
        ("m.lta", "type = 1\nnxforms = 2\n", "2 matrices"),
        ("m.lta", "type = 1\nnxforms = 1\n", "1 4 4"),
        ("m.nii", "whatever", "no known transform"),
        ("none.tfm", None, "No such file"),
    ],
)  # fmt: skip
def test_what_is_no_linear_transform_is_refused_in_words(
    name: str, text: str | None, why: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)

    with pytest.raises(ReadError, match=re.escape(why)):
        read_transform(tmp_path / name, moving=MOVING, fixed=FIXED)


def test_an_xfm_that_itk_wrote_is_refused_for_nobody_knows_its_sides(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    path = tmp_path / "t.xfm"
    try:
        sitk.WriteTransform(transforms_of_itk(sitk)["affine"], str(path))
    except RuntimeError:
        pytest.skip("this SimpleITK does not write MINC's transforms")

    with pytest.raises(ReadError, match=r"ITK wrote it, fixed to moving.*Save it as \.tfm"):
        read_transform(path)


@pytest.mark.parametrize("suffix", [row.suffixes[0] for row in DIALECTS.values()] + [".h5"])
@pytest.mark.parametrize(
    "content", [b"", bytes(999), b"\x89\xff\0garbage" * 99], ids=["empty", "zeros", "garbage"]
)
def test_a_file_of_nothing_is_refused_in_words(
    suffix: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / f"t{suffix}").write_bytes(content)

    with pytest.raises(ReadError, match=r"^\S*t\.\w+: .+\. .+\.$"):
        read_transform(tmp_path / f"t{suffix}", moving=MOVING, fixed=FIXED)


@pytest.mark.parametrize("suffix", [".tfm", ".mat", ".h5", ".lta", ".xfm"])
def test_half_a_file_is_refused_in_words(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t{suffix}"
    if suffix in (".mat", ".h5"):
        sitk = pytest.importorskip("SimpleITK")
        sitk.WriteTransform(transforms_of_itk(sitk)["affine"], str(path))
    else:
        write_transform(MATRIX, path)
    whole = path.read_bytes()

    for share in (0.1, 0.3, 0.5):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ReadError):
            read_transform(path, moving=MOVING, fixed=FIXED)


def test_an_itk_file_without_its_centre_is_refused(tmp_path: Path) -> None:
    text = ITK.format(AFFINE, "1 0 0 0 1 0 0 0 1 1 2 3", "5 6 7")
    cut = text.partition("FixedParameters")[0]
    for damaged in (cut, f"{cut}FixedParameters:", f"{cut}FixedParameters: 5 6"):
        (tmp_path / "t.tfm").write_text(damaged)
        with pytest.raises(ReadError, match=r"FixedParameters|a centre of 3"):
            read_transform(tmp_path / "t.tfm")


@pytest.mark.parametrize("nxforms", ["x", "1.5"])
def test_an_lta_whose_counts_are_no_numbers_is_refused(nxforms: str, tmp_path: Path) -> None:
    (tmp_path / "t.lta").write_text(f"type = 1\nnxforms = {nxforms}\n1 4 4\n")

    with pytest.raises(ReadError, match="nxforms is no number"):
        read_transform(tmp_path / "t.lta")


def test_a_displacement_field_of_itk_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="bends space: a field of displacements"):
        read_transform(_displacements(tmp_path))


def test_two_transforms_that_are_no_composite_are_refused(tmp_path: Path) -> None:
    one = ITK.format(AFFINE, "1 0 0 0 1 0 0 0 1 1 2 3", "0 0 0")
    (tmp_path / "t.tfm").write_text(one + one.partition("\n")[2])

    with pytest.raises(ReadError, match="2 transforms that are no composite"):
        read_transform(tmp_path / "t.tfm")


def test_a_damaged_matlab_file_is_refused(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    sitk.WriteTransform(sitk.Euler3DTransform(), str(tmp_path / "t.mat"))
    whole = (tmp_path / "t.mat").read_bytes()
    (tmp_path / "t.mat").write_bytes(whole[:70])

    with pytest.raises(ReadError):
        read_transform(tmp_path / "t.mat")


def test_without_simpleitk_a_rare_transform_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    (tmp_path / "t.tfm").write_text(ITK.format("ScaleVersor3DTransform", "0 " * 9, "0 0 0"))

    with pytest.raises(ReadError, match=r"napari-medvol\[registration\]"):
        read_transform(tmp_path / "t.tfm")


@pytest.mark.parametrize(
    "matrix", [np.zeros((4, 4)), np.eye(3), [[1, 2], [3]], np.full((4, 4), np.nan)]
)
def test_a_matrix_that_cannot_be_undone_is_not_written(matrix: Any, tmp_path: Path) -> None:
    with pytest.raises(WriteError):
        write_transform(matrix, tmp_path / "t.txt")
    assert not list(tmp_path.iterdir())


def test_a_name_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"\.tfm"):
        write_transform(MATRIX, tmp_path / "t.xyz")
    with pytest.raises(WriteError, match="'elastix'"):
        write_transform(MATRIX, tmp_path / "t.txt", dialect="elastix")
