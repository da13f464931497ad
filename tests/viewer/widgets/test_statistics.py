"""The Statistics widget: two tables, and what each needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_medvol.viewer.measuring import draw_measures
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.widgets.statistics import StatisticsWidget
from tests.viewer.scenes import scan, seg

pytestmark = pytest.mark.usefixtures("qapp")

LINE = np.array([[0, 0, 0], [0, 30, 40]])


def copied(panel: StatisticsWidget) -> str:
    panel.copy_table()
    return str(QApplication.clipboard().text())


def test_the_table_that_is_open_is_copied_and_saved(tmp_path: Path) -> None:
    viewer = ViewerModel()
    show(viewer, [scan(unit="HU"), seg()])
    panel = StatisticsWidget(viewer)
    panel.show_statistics()
    assert copied(panel).startswith("label\tname")

    panel.measure("ruler")
    viewer.layers["Measures"].add_lines([LINE])
    assert copied(panel).splitlines()[1].split("\t")[1:4] == ["length", "50.0", "mm"]
    assert panel.status == "Copied 1 row."
    panel.save_csv(tmp_path / "rulers.csv")
    assert (tmp_path / "rulers.csv").read_text().splitlines()[1].startswith("1,length,50.0,mm")
    panel.tabs.setCurrentIndex(0)

    assert copied(panel).startswith("label\tname")
    panel.close()


def test_what_is_needed_is_said_at_once() -> None:
    viewer = ViewerModel()
    panel = StatisticsWidget(viewer)

    assert panel.about.text().startswith("Needs a labels layer")
    assert not panel.compute.enabled
    assert panel.grid.isHidden()
    assert "Press Ruler" in panel.hint.text()
    show(viewer, [scan(), seg()])
    assert panel.about.text().startswith("Compute lists each label")
    assert panel.compute.enabled
    panel.show_statistics()
    assert not panel.grid.isHidden()
    panel.tabs.setCurrentIndex(1)
    panel.copy_table()

    assert "there are none yet" in panel.status
    panel.close()


def test_rulers_that_were_there_before_are_listed_until_they_are_removed() -> None:
    viewer = ViewerModel()
    show(viewer, [scan()])
    layer = draw_measures(viewer)
    layer.add_lines([LINE])
    panel = StatisticsWidget(viewer)

    assert panel.measures.item(0, 2).text() == "50"
    layer.scale = (2, 2, 2)
    assert panel.measures.item(0, 2).text() == "100"
    viewer.layers.remove(layer)

    assert panel.measures.isHidden()
    assert not panel.hint.isHidden()
    panel.close()
