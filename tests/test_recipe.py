"""A recipe is text and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medvol import Recipe, Step, Volume, apply
from napari_medvol.errors import ReadError, StepError
from napari_medvol.report import GeometryReport

SCALARS = st.one_of(
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(st.characters(exclude_categories=("Cs",))),
)
PARAMS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(lambda s: s != "op"),
    st.one_of(SCALARS, st.lists(st.integers(-9, 9)), st.lists(st.lists(st.integers(-9, 9)))),
    max_size=4,
)


@given(st.lists(st.tuples(st.text("abc", min_size=1), PARAMS), max_size=3))
def test_what_is_written_is_read_again(rows) -> None:
    recipe = Recipe(tuple(Step(op, params) for op, params in rows), ({"path": "a/b"},), "o/{name}")

    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_numpy_parameters_are_written_as_numbers() -> None:
    step = Step("crop", {"start": (np.int64(1), 2), "matrix": np.eye(2)})

    back = Recipe.from_toml(Recipe((step,)).to_toml())

    assert dict(back.steps[0].params) == {"start": [1, 2], "matrix": [[1.0, 0.0], [0.0, 1.0]]}


def test_copy_as_python_runs_and_gives_the_same_volume(tmp_path) -> None:
    nibabel = pytest.importorskip("nibabel")
    path = tmp_path / "scan.nii"
    nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4)).to_filename(
        path
    )
    import napari_medvol as mv

    (scan,) = mv.read(path)
    made = apply(
        scan,
        [
            Step("orient", {"axcodes": "LPS"}),
            Step("crop", {"start": (0, 1, 1), "stop": (3, 3, 4)}),
        ],
    )
    names: dict = {}

    exec(Recipe.of(made).to_python(), names)

    np.testing.assert_array_equal(names["volume"].data, made.data)
    np.testing.assert_array_equal(names["volume"].affine, made.affine)


def test_the_recipe_of_a_series_names_its_folder() -> None:
    report = GeometryReport(files=("ct/1.dcm", "ct/2.dcm"))

    assert Recipe.of(Volume(np.zeros((1, 1, 1)), np.eye(4), report=report)).inputs == (
        {"path": "ct"},
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[step]\n", "no TOML"),
        ("[[step]]\nname = 'crop'\n", "a step has no op"),
        ("[[input]]\nfile = 'x'\n", "an input has no path"),
        ("[output]\nname = 'x'\n", "the output has no path"),
        ("[[stage]]\nop = 'x'\n", "unknown part stage"),
    ],
)
def test_text_that_is_no_recipe_is_refused(text: str, why: str) -> None:
    with pytest.raises(ReadError, match=why):
        Recipe.from_toml(text)


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(ReadError, match=r"gone\.toml"):
        Recipe.load(tmp_path / "gone.toml")


def test_a_parameter_that_is_no_plain_value_is_refused() -> None:
    with pytest.raises(StepError, match="no number, text or list"):
        Recipe((Step("x", {"layer": object()}),)).to_toml()


def test_a_scan_placed_by_another_form_is_so_again_wherever_its_recipe_goes(tmp_path) -> None:
    nib = pytest.importorskip("nibabel")
    import napari_medvol as mv

    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), None)
    image.set_sform(np.diag([2.0, 2, 2, 1]), 2)
    image.set_qform(np.array([[-3.0, 0, 0, 9], [0, 3, 0, 8], [0, 0, 3, 7], [0, 0, 0, 1]]), 1)
    nib.save(image, tmp_path / "scan.nii")
    (scan,) = mv.read(tmp_path / "scan.nii", form="qform")
    made = apply(scan, [Step("crop", {"start": (0, 1, 1), "stop": (3, 3, 4)})])
    recipe = Recipe.of(made)
    names: dict = {}

    exec(recipe.to_python(), names)
    (again,) = mv.replay(recipe.to_toml())

    assert recipe.inputs[0]["form"] == "qform"
    np.testing.assert_array_equal(made.affine[:3, 3], (9, 11, 10))
    for one in (names["volume"], again):
        np.testing.assert_array_equal(one.affine, made.affine)


def test_one_volume_of_a_folder_is_named_by_its_recipe(tmp_path) -> None:
    import napari_medvol as mv
    from tests.phantoms.dicom import write_series

    for name, echo, value in (("a", 10, 1), ("a", 20, 2), ("b", 10, 3)):
        (tmp_path / f"{name}{echo}").mkdir()
        write_series(
            tmp_path / f"{name}{echo}",
            np.full((5, 4, 3), value, np.int16),
            series=name,
            modality="MR",
            rescale=None,
            step=(0, 0, 1 + 0.5 * (echo == 20)),
            elements={"EchoTime": echo, "EchoNumbers": echo // 10},
        )

    volumes = mv.read(tmp_path)
    assert len(volumes) == 3
    for volume in volumes:
        names: dict = {}
        exec(Recipe.of(volume).to_python(), names)
        (again,) = mv.replay(Recipe.of(volume).to_toml())
        for one in (names["volume"], again):
            assert np.asarray(one.data).flat[0] == np.asarray(volume.data).flat[0]


def test_a_name_that_no_volume_has_is_refused_with_those_there_are(tmp_path) -> None:
    import napari_medvol as mv
    from tests.phantoms.dicom import write_series

    write_series(tmp_path, np.zeros((5, 4, 3), np.int16))
    (volume,) = mv.read(tmp_path)

    with pytest.raises(ReadError, match="no volume named 'T9'") as refusal:
        mv.read(tmp_path, name="T9")
    assert volume.name in refusal.value.fix
