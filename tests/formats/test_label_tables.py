from __future__ import annotations

from pathlib import Path

import pytest

from napari_medvol.errors import FormatError, ReadError
from napari_medvol.formats.label_tables import freesurfer_table, read_labels

FREESURFER = """#$Id: FreeSurferColorLUT.txt $
#No. Label Name:                            R   G   B   A

0   Unknown                                 0   0   0   0
4   Left-Lateral-Ventricle                  120 18  134 0
17  Left-Hippocampus                        220 216 20  0
"""
ITKSNAP = """################################################
# ITK-SnAP Label Description File
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   255    0    0        1  1  1    "Left lung"
    2     0  255    0        0.5  1  1    "Tumour (\u00e9)"
    3     0    0  255        1  0  1    "hidden"
"""
ATLAS = """<?xml version="1.0" encoding="ISO-8859-1"?>
<atlas version="1.0"><header><name>Made</name><type>{kind}</type></header>
<data><label index="0" x="48" y="94" z="35">Frontal Pole</label>
<label index="1" {more}x="25" y="70" z="32">Insular Cortex</label></data></atlas>
"""
BIDS = "index\tname\tabbreviation\tcolor\n1\tGray Matter\tGM\t#ff53bb\n2\tWhite Matter\tWM\tn/a\n"


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def test_freesurfer_says_transparency_so_zero_is_opaque(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path, "FreeSurferColorLUT.txt", FREESURFER))

    assert [(label.value, label.name) for label in labels] == [
        (0, "Unknown"),
        (4, "Left-Lateral-Ventricle"),
        (17, "Left-Hippocampus"),
    ]
    assert labels[1].color == (120 / 255, 18 / 255, 134 / 255, 1.0)


@pytest.mark.parametrize("name", ["seg.label", "seg.txt"])
def test_itksnap_opacity_and_visibility_become_alpha(tmp_path: Path, name: str) -> None:
    labels = read_labels(written(tmp_path, name, ITKSNAP))

    assert [label.name for label in labels] == ["Clear Label", "Left lung", "Tumour (é)", "hidden"]
    assert [label.color and label.color[3] for label in labels] == [0, 1, 0.5, 0]
    assert labels[1].color == (1, 0, 0, 1)


def test_names_in_latin_1_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "seg.label", ITKSNAP, encoding="latin-1")

    assert read_labels(path)[2].name == "Tumour (é)"


@pytest.mark.parametrize(
    ("kind", "more", "values"),
    [
        ("Probabilistic", "", [1, 2]),
        ("Label", "", [0, 1]),
        ("Label", 'value="117" ', [0, 117]),
    ],
)
def test_fsl_atlases_count_from_one_where_their_maps_do(
    tmp_path: Path, kind: str, more: str, values: list[int]
) -> None:
    labels = read_labels(written(tmp_path, "atlas.xml", ATLAS.format(kind=kind, more=more)))

    assert [label.value for label in labels] == values
    assert labels[1].name == "Insular Cortex"
    assert labels[0].color is None


def test_fsleyes_lut_in_ones_or_in_255(tmp_path: Path) -> None:
    ones = read_labels(written(tmp_path, "a.lut", "1 0.0 1.0 0.2 Left thalamus\n2 1 0 0\n"))
    bytes_ = read_labels(written(tmp_path, "b.lut", "1 0 255 51 Left thalamus\n"))

    assert ones[0] == bytes_[0] == (1, "Left thalamus", (0.0, 1.0, 0.2, 1.0))
    assert ones[1].name == "label 2"


def test_slicer_tables_say_opacity(tmp_path: Path) -> None:
    text = "# Slicer\n1 tissue 128 174 128 255\n2 bone_part 241 214 145 0\n"
    labels = read_labels(written(tmp_path, "Generic.ctbl", text))

    assert [label.color and label.color[3] for label in labels] == [1.0, 0.0]


def test_bids_hex_colours_and_those_not_available(tmp_path: Path) -> None:
    first, second = read_labels(written(tmp_path, "sub-01_dseg.tsv", BIDS))

    assert first == (1, "Gray Matter", (1.0, 0x53 / 255, 0xBB / 255, 1.0))
    assert second == (2, "White Matter", None)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("x.txt", "nothing here", "names no label"),
        ("lh.cortex.label", "#!ascii label , from subject fs\n1\n3 1 2 3 0\n", "surface"),
        ("x.xml", "<registry/>", "not <atlas>"),
        ("x.xml", "<atlas><data><label>a</label></data></atlas>", "no table"),
        ("x.xml", "<", "no table"),
        ("x.tsv", "onset\tduration\n1\t2\n", "not index and name"),
        ("x.tsv", "index\tname\nn/a\tx\n", "no table"),
    ],
)
def test_what_names_no_labels_is_an_error_with_its_file(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    with pytest.raises(ReadError, match=why) as raised:
        read_labels(written(tmp_path, name, text))

    assert name in raised.value.what


def test_an_unknown_suffix_and_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no table of labels"):
        read_labels(tmp_path / "x.nii")
    with pytest.raises(ReadError, match="No such file"):
        read_labels(tmp_path / "x.txt")


def test_freesurfer_home_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    assert freesurfer_table() is None
    monkeypatch.setenv("FREESURFER_HOME", str(tmp_path))
    assert freesurfer_table() is None

    path = written(tmp_path, "FreeSurferColorLUT.txt", FREESURFER)

    assert freesurfer_table() == path
