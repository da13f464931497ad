"""The tree of elements, filtered as somebody types."""

from __future__ import annotations

import time

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QAbstractItemModelTester
from qtpy.QtWidgets import QApplication

from napari_medvol.headers import Element
from napari_medvol.viewer.widgets.curve_plot import CurvePlot
from napari_medvol.viewer.widgets.element_tree import ElementModel, ElementTree
from napari_medvol.views.varies import Curve

pytestmark = pytest.mark.usefixtures("qapp")

TREE = (
    Element("Dataset", ""),
    Element("PatientName", "Doe^Jane", "Patient's Name", "(0010,0010)", "PN", "1", 1, True),
    Element("CodeSequence", "2 items", "", "(0008,1032)", "SQ", "2", 1),
    Element("item 1", "", depth=2),
    Element("CodeMeaning", "chest", depth=3),
    Element("item 2", "", depth=2),
    Element("CodeMeaning", "head", depth=3),
    Element("Last", "row"),
)


def names(model: ElementModel) -> list[str]:
    return [element.name for element in model.shown()]


def walked(model: ElementModel, parent: object = None) -> list[str]:
    """Return the names that a view finds, stem by stem."""
    found: list[str] = []
    above = parent or model.index(-1, -1)
    for row in range(model.rowCount(above)):
        index = model.index(row, 0, above)
        found += [index.data(), *walked(model, index)]
    return found


def test_qt_finds_the_tree_sound_filtered_or_not() -> None:
    model = ElementModel()
    model.put(TREE)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)

    for words in ("", "code", "head", "nothing of it", ""):
        model.set_words(words)
        assert walked(model) == names(model)
    model.put(())
    assert walked(model) == []


def test_words_leave_what_matches_with_its_stems_and_branches() -> None:
    model = ElementModel()
    model.put(TREE)

    model.set_words("HEAD")
    assert names(model) == ["Dataset", "CodeSequence", "item 2", "CodeMeaning"]
    model.set_words("codeseq")
    assert names(model) == [
        "Dataset", "CodeSequence", "item 1", "CodeMeaning", "item 2", "CodeMeaning",
    ]  # fmt: skip
    model.set_words("0010 name")
    assert names(model) == ["Dataset", "PatientName"]
    model.set_words("")
    assert len(names(model)) == len(TREE)


def test_the_words_stay_when_other_elements_come() -> None:
    tree = ElementTree()
    tree.put(TREE)
    tree.set_words("jane")

    tree.put((*TREE, Element("Other", "Jane too")))

    assert names(tree.elements) == ["Dataset", "PatientName", "Other"]


def test_columns_that_nobody_fills_are_hidden() -> None:
    tree = ElementTree()
    tree.put(TREE)
    assert not tree.isColumnHidden(3)

    tree.put((Element("descrip", "text"),))

    assert [tree.isColumnHidden(n) for n in range(6)] == [False, False, True, True, True, True]


def test_what_differs_from_the_default_is_bold() -> None:
    model = ElementModel()
    model.put(TREE)
    stem = model.index(0, 0)

    fonts = [model.data(model.index(n, 0, stem), Qt.ItemDataRole.FontRole) for n in (0, 1)]

    assert fonts[0].bold()
    assert fonts[1] is None


def test_selected_rows_are_copied_in_their_order() -> None:
    tree = ElementTree()
    tree.put(TREE)
    stem = tree.elements.index(0, 0)
    for row in (1, 0):
        tree.selectionModel().select(
            tree.elements.index(row, 0, stem),
            tree.selectionModel().SelectionFlag.Select | tree.selectionModel().SelectionFlag.Rows,
        )

    lines = tree.selected_text().splitlines()

    assert [line.split("\t")[0] for line in lines] == ["PatientName", "CodeSequence"]
    assert lines[0].split("\t")[1] == "Doe^Jane"


def test_ten_thousand_rows_are_filtered_without_a_lag() -> None:
    rows = [
        Element(
            f"Element{n}", f"value {n * 37 % 1000}", "what it is", f"({n:04X},0001)", "LO", "1"
        )
        for n in range(10_000)
    ]
    tree = ElementTree()
    tree.resize(700, 500)
    tree.show()
    tree.put(rows)
    QApplication.processEvents()
    took = []
    for words in ("v", "va", "value", "value ", "value 1", "value 12", "value 123", ""):
        start = time.process_time()
        tree.set_words(words)
        QApplication.processEvents()
        took.append(time.process_time() - start)

    assert tree.elements.n_matches == 10_000
    # The processor's time, and the median: other work may be done on the machine.
    assert float(np.median(took)) < 0.1
    tree.close()


class TestCurvePlot:
    def test_it_draws_its_curves_between_their_ends(self) -> None:
        plot = CurvePlot()
        plot.resize(300, 200)
        rising = Curve("", np.array([0.0, 5.0, 10.0]), "mA")
        plot.put((rising,), "current")

        picture = plot.grab().toImage()

        assert plot.limits() == (0.0, 10.0)
        assert plot.words_at(1) == "plane 1   5 mA"
        blue = [
            (x, y)
            for x in range(300)
            for y in range(200)
            if (c := picture.pixelColor(x, y)).blue() > c.red() + 80
        ]
        left, right = min(blue), max(blue)
        assert left[1] > right[1] + 100
        assert (right[0] - left[0]) > 200

    def test_holes_constants_and_nothing_are_drawn_too(self) -> None:
        plot = CurvePlot()
        for curves in (
            (),
            (Curve("", np.array([np.nan, 1.0, np.nan])),),
            (Curve("", np.array([np.nan])), Curve("2", np.zeros(500))),
        ):
            plot.put(curves, "title")
            assert not plot.grab().isNull()
            low, high = plot.limits()
            assert low < high
