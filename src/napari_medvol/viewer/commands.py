"""napari's commands: the anatomical planes, oblique volumes, and which formats are ours."""

# No postponed annotations: napari looks at them to hand over its viewer.
from napari_medvol.errors import MedVolError
from napari_medvol.viewer import notify
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.oblique import toggle
from napari_medvol.viewer.planes import Plane, show_plane
from napari_medvol.viewer.settings import ask_for_medical_formats, use_for_medical_formats


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


def toggle_oblique(viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Change the selected oblique layers between their true place and their own grid."""
    follow(viewer)
    ndisplay = viewer.dims.ndisplay
    if not [layer for layer in viewer.layers.selection if toggle(layer, ndisplay)]:
        notify.tell("None of the selected layers is oblique.")


def use_plugin_for_medical_formats() -> None:
    """Open every medical format and every folder with this plugin, without napari asking."""
    count = use_for_medical_formats()
    notify.tell(f"napari now opens {count} kinds of path with Medical Volumes without asking.")


def ask_which_plugin_opens() -> None:
    """Take back :func:`use_plugin_for_medical_formats`."""
    count = ask_for_medical_formats()
    notify.tell(f"napari asks again which plugin opens {count} kinds of path.")
