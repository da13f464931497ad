from __future__ import annotations

import logging

import cmap
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_palette_files

from napari_medvol.errors import MedVolError
from napari_medvol.views.colormaps import DICOM_PALETTES, colormap_named, colormap_names


@pytest.mark.parametrize(("name", "uid"), DICOM_PALETTES.items())
def test_a_dicom_palette_has_the_colours_of_the_object_with_its_uid(name: str, uid: str) -> None:
    (dataset,) = (
        d
        for d in (dcmread(f) for f in get_palette_files("*.dcm"))
        if d.PaletteColorLookupTableUID == uid or d.SOPInstanceUID == uid
    )
    label = dataset.ContentDescription.removesuffix(" LUT")
    found = colormap_named(name).colors(np.arange(256) / 255)

    assert name.removeprefix("DICOM ") == label
    if "RedPaletteColorLookupTableData" in dataset:
        for channel, color in enumerate(("Red", "Green", "Blue")):
            table = dataset[f"{color}PaletteColorLookupTableData"].value
            np.testing.assert_allclose(
                found[:, channel] * 255, np.frombuffer(table, np.uint8), atol=1e-9
            )
    assert (found[:, 3] == 1).all()


def test_fall_and_winter_are_not_taken_for_each_other() -> None:
    # PS3.6 B.1: fall runs from yellow to red, winter from blue to green.
    assert colormap_named("DICOM Fall").colors(0.0)[:3].tolist() == [1, 1, 0]
    assert colormap_named("DICOM Winter").colors(0.0)[:3].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "name", ["Hot", "hot", "HOT", "viridis", "Jet", "coolwarm", "tab10", "PiYG", "matlab:copper"]
)
def test_a_name_in_any_case_gives_the_colours_of_the_catalogue(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = colormap_named(name)
    assert not caplog.records

    # The middle of each of the 256 colours that cmap knows.
    shares = (np.arange(256) + 0.5) / 256
    oracle = np.asarray(cmap.Colormap(cmap.Catalog().resolve(name))(shares))
    np.testing.assert_allclose(found.colors(shares), oracle, atol=0.02)


@pytest.mark.parametrize("name", ["hot iron", "HOT_IRON", "Hot-Iron", " Hot  Iron "])
def test_palettes_are_found_however_they_are_spelled(name: str) -> None:
    assert colormap_named(name) == colormap_named("Hot Iron")


@pytest.mark.parametrize("name", ["hot", "PET 20 Step", "viridis"])
def test_an_r_at_the_end_turns_a_map_about(name: str) -> None:
    shares = np.linspace(0.01, 0.99, 31)

    turned = colormap_named(f"{name}_r").colors(shares)
    np.testing.assert_allclose(turned, colormap_named(name).colors(1 - shares), atol=0.02)


def test_other_programs_words_are_known() -> None:
    assert colormap_named("Grayscale").stops == colormap_named("gray").stops


def test_every_name_on_offer_makes_a_map() -> None:
    names = colormap_names()

    assert names[:4] == ("Hot Iron", "PET", "Hot Metal Blue", "PET 20 Step")
    assert len(names) > 500
    for name in names[:: len(names) // 40]:
        assert colormap_named(name).colors(0.5).shape == (4,)


@pytest.mark.parametrize(("name", "fix"), [("virid", "Did you mean viridis"), ("", "Try gray")])
def test_an_unknown_name_is_answered_with_those_like_it(name: str, fix: str) -> None:
    with pytest.raises(MedVolError, match=fix):
        colormap_named(name)
