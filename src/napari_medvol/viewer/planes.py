"""Commands: the anatomical planes, oblique volumes, and which formats are ours."""

from typing import Final

from napari_medvol.errors import LayerError
from napari_medvol.viewer import notify
from napari_medvol.viewer.oblique import follow, toggle
from napari_medvol.viewer.settings import ask_for_medical_formats, use_for_medical_formats

# No postponed annotations: napari looks at them to hand over its viewer.

#: Order of the last three axes (z, y, x): the first is the slider's.
_ORDERS: Final = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}


def show_plane(viewer: "napari.viewer.Viewer", plane: str) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show one anatomical plane in 2-D, head up, the patient's left on the right.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    plane : {"axial", "coronal", "sagittal"}

    Raises
    ------
    LayerError
        If nothing in the viewer has three axes.
    """
    n_leading = viewer.dims.ndim - 3
    if n_leading < 0:
        raise LayerError(f"{plane} view", "nothing in the viewer has three axes", "Open a scan")
    viewer.dims.ndisplay = 2
    viewer.dims.order = (*range(n_leading), *(n_leading + axis for axis in _ORDERS[plane]))
    viewer.fit_to_view()


def show_axial(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show the axial plane."""
    show_plane(viewer, "axial")


def show_coronal(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show the coronal plane."""
    show_plane(viewer, "coronal")


def show_sagittal(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Show the sagittal plane."""
    show_plane(viewer, "sagittal")


def toggle_oblique(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Change the selected oblique layers between their true place and their own grid."""
    follow(viewer)
    turned = [
        layer.name for layer in viewer.layers.selection if toggle(layer, viewer.dims.ndisplay)
    ]
    if not turned:
        notify.tell("None of the selected layers is oblique.")


def use_plugin_for_medical_formats() -> None:
    """Open every medical format and every folder with this plugin, without napari asking."""
    count = use_for_medical_formats()
    notify.tell(f"napari now opens {count} kinds of path with Medical Volumes without asking.")


def ask_which_plugin_opens() -> None:
    """Take back :func:`use_plugin_for_medical_formats`."""
    count = ask_for_medical_formats()
    notify.tell(f"napari asks again which plugin opens {count} kinds of path.")
