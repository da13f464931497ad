"""napari's commands: planes, units, contours, tables, and which formats are ours."""

# No postponed annotations: napari looks at them to hand over its viewer.
from typing import Any

from napari_medvol.errors import MedVolError
from napari_medvol.viewer import notify
from napari_medvol.viewer.fitting import fit
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.oblique import toggle
from napari_medvol.viewer.overlaying import relay
from napari_medvol.viewer.planes import show_plane
from napari_medvol.viewer.settings import ask_for_medical_formats, use_for_medical_formats
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.standing import go_to
from napari_medvol.views.planes import Plane


def _show(viewer: "napari.viewer.Viewer", plane: Plane) -> None:  # type: ignore[name-defined]  # noqa: F821
    try:
        show_plane(viewer, plane)
    except MedVolError as error:
        notify.fail(error)


def show_axial(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show the axial plane."""
    _show(viewer, "axial")


def show_coronal(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show the coronal plane."""
    _show(viewer, "coronal")


def show_sagittal(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show the sagittal plane."""
    _show(viewer, "sagittal")


def go_to_layer(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Stand on the middle slice of the active layer, and fit it into the window."""
    layer = viewer.layers.selection.active
    if layer is None:
        notify.tell("Select the layer to go to in the layer list.")
        return
    layer.visible = True
    go_to(viewer, layer)
    fit(viewer, [layer])


def toggle_oblique(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Change the selected oblique layers between their true place and their own grid."""
    follow(viewer)
    ndisplay = viewer.dims.ndisplay
    if not [layer for layer in viewer.layers.selection if toggle(layer, ndisplay)]:
        notify.tell("None of the selected layers is oblique.")
    relay(viewer)


def show_values_as(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Ask in which unit to show the selected DICOM layers."""
    from napari_medvol.formats.dicom.offers import value_of
    from napari_medvol.viewer.units_dialog import ask_unit
    from napari_medvol.viewer.values import offers_of

    offered = {layer: offers for layer in _selected(viewer) if (offers := offers_of(layer))}
    if not offered:
        notify.tell("None of the selected layers shows a DICOM series as it was read.")
        return
    layer, offers = next(iter(offered.items()))
    name = layer.name if len(offered) == 1 else f"{len(offered)} layers"
    value = ask_unit(name, offers, value_of(layer.metadata["medvol"].volume))
    for layer in offered if value else ():
        _show_values(layer, value)


def _show_values(layer: Any, value: str) -> None:
    """Show one layer in another unit; a unit that needs every file is made in a thread."""
    from napari_medvol.formats.dicom.volumes import in_unit
    from napari_medvol.viewer.values import show_values
    from napari_medvol.viewer.waiting import CancelledError, waited_for

    def made(before: Any, value: str) -> Any:
        return waited_for(f"Reading {layer.name}", lambda progress: in_unit(before, value))

    try:
        volume = show_values(layer, value, made_by=made)
    except CancelledError:
        return
    except MedVolError as error:
        notify.fail(error)
        return
    notes = [f.text for f in volume.report.findings if f.kind in ("suv", "philips", "rwv")]
    notify.tell(f"{layer.name}: {'; '.join(notes) or volume.unit or 'values as in the file'}")


def show_contours(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show the contours that the selected labels were drawn with, as Shapes."""
    from napari.layers import Layer

    from napari_medvol.viewer.contours import contour_layers

    for layer in _selected(viewer):
        try:
            made = contour_layers(layer)
        except MedVolError as error:
            notify.fail(error)
            continue
        for data, options, kind in made:
            if options["name"] in viewer.layers:
                viewer.layers[options["name"]].visible = True
            else:
                viewer.add_layer(Layer.create(data, options, kind))


def save_slice_table(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Save which slice of the selected layer came from which file, as CSV."""
    from napari_medvol.viewer.tables import save_as_csv
    from napari_medvol.viewer.window import front_window
    from napari_medvol.views.sources import slices_table

    for layer in _selected(viewer):
        record = record_of(layer)
        table = slices_table(record.volume) if record else None
        if table is None or not table.rows:
            notify.tell(f"{layer.name} was not made of slices in files.")
        else:
            save_as_csv(table, f"{layer.name} slices.csv", front_window())


def ask_second_opinion(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Ask the other engines that are installed where the selected layers lie."""
    from functools import partial

    from napari.qt import get_current_stylesheet

    from napari_medvol.opinion import opinions_on
    from napari_medvol.viewer.tables import TableDialog
    from napari_medvol.viewer.window import front_window

    records = [record for layer in _selected(viewer) if (record := record_of(layer))]
    volumes = list({id(r.volume): r.volume for r in records if r.volume.report.files}.values())
    if not volumes:
        notify.tell("None of the selected layers was read from files.")
        return
    names = ", ".join(volume.name for volume in volumes[:3])
    dialog = TableDialog(
        f"Second opinion on {names}", partial(opinions_on, volumes), _HOW_TO_READ, front_window()
    )
    dialog.setStyleSheet(get_current_stylesheet())
    dialog.show()


_HOW_TO_READ = (
    "Where other programs put the corners of the same files: the largest distance from ours, in"
    " mm. The layer stays as it is."
)


def _selected(viewer: Any) -> list[Any]:
    """Return the selected layers in the order of the list, the active one first."""
    selection = viewer.layers.selection
    return sorted(
        (layer for layer in viewer.layers if layer in selection),
        key=lambda layer: layer is not selection.active,
    )


def use_plugin_for_medical_formats() -> None:
    """Open every medical format and every folder with this plugin, without napari asking."""
    count = use_for_medical_formats()
    notify.tell(f"napari now opens {count} kinds of path with Medical Volumes without asking.")


def ask_which_plugin_opens() -> None:
    """Take back :func:`use_plugin_for_medical_formats`."""
    count = ask_for_medical_formats()
    notify.tell(f"napari asks again which plugin opens {count} kinds of path.")
