from __future__ import annotations

import json
from pathlib import Path

import cmap
import numpy as np
import pytest

from napari_medvol.colormap import Colormap, Stop, colormap_of
from napari_medvol.errors import FormatError, ReadError, WriteError
from napari_medvol.formats.colour_tables import read_colormap, write_colormap

CUSTOM = Colormap(
    "fire over nothing",
    (Stop(0, 0, 0, 0, 0), Stop(0.25, 1, 0, 0, 0.5), Stop(1, 1, 1, 0.25, 1)),
    limits=(100.0, 1000.0),
)

#: As ITK-SNAP 3 and 4 write a custom map: a registry of folders.
ITKSNAP = """<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE registry [
<!ELEMENT registry (entry*,folder*)>
<!ELEMENT folder (entry*,folder*)>
<!ELEMENT entry EMPTY>
<!ATTLIST folder key CDATA #REQUIRED>
<!ATTLIST entry key CDATA #REQUIRED>
<!ATTLIST entry value CDATA #REQUIRED>
]>
<registry>
  <entry key="NumberOfControlPoints" value="3" />
  <entry key="Preset" value="Custom" />
  {points}
</registry>
"""
POINT = """<folder key="ControlPoint[{n:04d}]">
    <entry key="Index" value="{at}" />
    <entry key="Type" value="{kind}" />
    <folder key="Left"><entry key="A" value="{l[3]}" /><entry key="B" value="{l[2]}" />
      <entry key="G" value="{l[1]}" /><entry key="R" value="{l[0]}" /></folder>
    <folder key="Right"><entry key="A" value="{r[3]}" /><entry key="B" value="{r[2]}" />
      <entry key="G" value="{r[1]}" /><entry key="R" value="{r[0]}" /></folder>
  </folder>"""


def snap_map(*points: tuple[float, str, tuple[int, ...], tuple[int, ...]]) -> str:
    text = "\n".join(
        POINT.format(n=n, at=at, kind=kind, l=left, r=right)
        for n, (at, kind, left, right) in enumerate(points)
    )
    return ITKSNAP.format(points=text)


def test_a_custom_map_survives_its_json_with_alpha_and_limits(tmp_path: Path) -> None:
    path = write_colormap(CUSTOM, tmp_path / "fire")

    assert path.name == "fire.json"
    assert read_colormap(path) == CUSTOM
    assert json.loads(path.read_text())["stops"][1]["alpha"] == 0.5
    assert list(tmp_path.iterdir()) == [path]


def test_itksnap_points_continuous_and_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.xml"
    path.write_text(
        snap_map(
            (0.0, "Discontinuous", (9, 9, 9, 9), (0, 0, 0, 0)),
            (0.5, "Discontinuous", (255, 0, 0, 51), (0, 0, 255, 102)),
            (1.0, "Discontinuous", (255, 255, 255, 255), (9, 9, 9, 9)),
        )
    )

    found = read_colormap(path)

    np.testing.assert_allclose(found.colors(0.0), [0, 0, 0, 0])
    np.testing.assert_allclose(found.colors(0.25), [0.5, 0, 0, 0.1])
    np.testing.assert_allclose(found.colors(0.5), [0, 0, 1, 0.4])
    np.testing.assert_allclose(found.colors(1.0), [1, 1, 1, 1])


def test_itksnap_dotted_keys_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.xml"
    points = "".join(
        f'<folder key="ControlPoint[{n}]"><entry key="Index" value="{n}"/>'
        f'<entry key="Type" value="Continuous"/>'
        + "".join(
            f'<entry key="{side}.{channel}" value="{255 * n}"/>'
            for side in ("Left", "Right")
            for channel in "RGBA"
        )
        + "</folder>"
        for n in (0, 1)
    )
    path.write_text(ITKSNAP.format(points=points))

    np.testing.assert_allclose(read_colormap(path).colors(0.5), [0.5] * 4)


def test_an_itksnap_preset_has_no_points_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "jet.xml"
    path.write_text('<registry><entry key="Preset" value="Jet"/></registry>')

    with pytest.raises(ReadError, match="names the preset 'Jet' and holds no points"):
        read_colormap(path)


def test_fsleyes_lines_of_numbers(tmp_path: Path) -> None:
    colors = np.asarray(cmap.Colormap("matlab:hot").lut(64))[:, :3]
    path = tmp_path / "hot.cmap"
    np.savetxt(path, colors, fmt="%0.6f", header="made by hand")

    found = read_colormap(path)

    assert found.name == "hot"
    np.testing.assert_allclose(found.colors(np.linspace(0, 1, 64))[:, :3], colors, atol=1e-6)


def test_mricrogl_nodes_with_alpha_and_range(tmp_path: Path) -> None:
    path = tmp_path / "ct.clut"
    path.write_text(
        "[FLT]\nmin=-643\nmax=235\n[INT]\nnumnodes=3\n[BYT]\nnodeintensity0=0\nnodeintensity1=51\n"
        "nodeintensity2=204\n[RGBA255]\nnodergba0=0|0|0|0\nnodergba1=255|0|0|51\n"
        "nodergba2=255|255|0|102\n"
    )

    found = read_colormap(path)

    assert found.limits == (-643.0, 235.0)
    np.testing.assert_allclose(found.colors(0.1), [0.5, 0, 0, 0.1], atol=1e-12)
    np.testing.assert_allclose(found.colors(0.2), [1, 0, 0, 0.2], atol=1e-12)
    np.testing.assert_allclose(found.colors(1.0), [1, 1, 0, 0.4], atol=1e-12)


def test_a_range_of_nothing_is_no_range(tmp_path: Path) -> None:
    path = tmp_path / "x.clut"
    path.write_text(
        "[FLT]\nmin=0\nmax=0\n[BYT]\nnodeintensity0=0\nnodeintensity1=255\n[RGBA255]\n"
        "nodergba0=0|0|0|0\nnodergba1=9|9|9|9\n"
    )

    assert read_colormap(path).limits is None


@pytest.mark.parametrize("header", [b"", b"ICOL" + bytes(28)])
def test_768_bytes_are_256_reds_greens_and_blues(tmp_path: Path, header: bytes) -> None:
    table = np.random.default_rng(1).integers(0, 256, (256, 3), dtype=np.uint8)
    path = tmp_path / "actc.lut"
    path.write_bytes(header + table.T.tobytes())

    found = read_colormap(path).colors(np.arange(256) / 255)

    np.testing.assert_allclose(found[:, :3] * 255, table, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("x.png", "", FormatError),
        ("x.json", "{}", ReadError),
        ("x.json", "[1]", ReadError),
        ("x.json", '{"stops": [{"position": 0}]}', ReadError),
        ("x.json", '{"stops": [{"position":0,"red":0,"green":0,"blue":0}]}', ReadError),
        ("x.xml", "<atlas/>", ReadError),
        ("x.xml", "<registry/>", ReadError),
        ("x.xml", "no xml", ReadError),
        ("x.cmap", "red green blue", ReadError),
        ("x.cmap", "1 2\n", ReadError),
        ("x.cmap", "300 0 0\n0 0 0\n", ReadError),
        ("x.clut", "[INT]\nnumnodes=0\n", ReadError),
        ("x.clut", "nodeintensity0=0\n", ReadError),
        ("x.lut", "too short", ReadError),
    ],
)
def test_what_is_no_colormap_is_an_error_with_its_file(
    tmp_path: Path, name: str, content: str, error: type[Exception]
) -> None:
    path = tmp_path / name
    path.write_text(content)

    with pytest.raises(error, match=name):
        read_colormap(path)


def test_an_absent_file_and_an_absent_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="No such file"):
        read_colormap(tmp_path / "none.json")
    with pytest.raises(WriteError, match="No such file"):
        write_colormap(colormap_of("x", [[0, 0, 0], [1, 1, 1]]), tmp_path / "none" / "x.json")


def test_a_failed_write_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_colormap(CUSTOM, tmp_path / "x.json")
    before = path.read_text()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(WriteError, match="No space left"):
        write_colormap(colormap_of("y", [[0, 0, 0], [1, 1, 1]]), path)

    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
