"""The verbs that say where voxel axes run: orient (nothing moves), relabel (all does)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli.parsing import only_one
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.volume import Step

ORIENT_HELP: Final = """Turn the voxel axes without moving a voxel.

    AXCODES are the positive ends of i, j and k, as nibabel names them: RAS, LPS, PIR, any of
    48. With --from they are the ends that axes come from, as ITK-SNAP names them (RAI there is
    LPS here). canonical is RAS.

    \b
    napari-medvol orient ct.nii.gz turned.nii.gz LAS
    napari-medvol orient CT/ turned.mgz RAS
    napari-medvol orient ct.nii.gz turned.nii.gz RAI --from
    """

RELABEL_HELP: Final = """Say anew where the voxel axes run: every voxel is elsewhere afterwards.

    It mends a file whose orientation is wrong. Left and right may be swapped. --forget-qform
    mends a NIfTI whose qform is wrong and whose sform is right: the code of the qform becomes
    0 (unknown), and nothing else changes.

    \b
    napari-medvol relabel wrong.nii.gz mended.nii.gz PIR
    napari-medvol relabel wrong.nii.gz mended.nii.gz ASL --from --keep origin
    napari-medvol relabel two.nii.gz one.nii.gz --forget-qform
    """

_CameFrom = Annotated[
    bool, typer.Option("--from", help="AXCODES are where axes come from, as in ITK-SNAP.")
]


def orient(
    volume: Any,
    axcodes: Annotated[
        str, typer.Argument(help="Positive ends of i, j, k: three letters of R L A P S I.")
    ],
    came_from: _CameFrom = False,
) -> Any:
    """Return the step that turns axes."""
    return [orientation(_ends(axcodes, came_from))]


def orientation(axcodes: str) -> Step:
    """Return the step that turns axes; ``canonical`` is RAS, as nibabel has it.

    Raises
    ------
    BatchError
        If the letters are none of the 48.
    """
    from napari_medvol.views.turning import CODES
    from napari_medvol.volume import Step

    codes = "RAS" if axcodes == "canonical" else axcodes.upper()
    if codes not in CODES:
        why = "does not name each of right/left, anterior/posterior and superior/inferior once"
        fix = "Give three letters of R L A P S I, such as RAS or LPS"
        raise BatchError("orient", f"{axcodes!r} {why}", fix)
    return Step("orient", {"axcodes": codes})


def relabel(
    volume: Any,
    axcodes: Annotated[
        str | None, typer.Argument(help="Where i, j, k are to run to: three of R L A P S I.")
    ] = None,
    came_from: _CameFrom = False,
    keep: Annotated[
        str, typer.Option(help="What stays where it is: centre, or origin as in ITK-SNAP.")
    ] = "centre",
    forget_qform: Annotated[
        bool, typer.Option("--forget-qform", help="Only make the qform of a NIfTI unknown.")
    ] = False,
) -> Any:
    """Return the step that relabels axes, or that forgets the qform."""
    from napari_medvol.volume import Step

    if only_one("relabel", AXCODES=axcodes, forget_qform=forget_qform) == "forget_qform":
        return [Step("forget_qform")]
    return [Step("relabel", {"axcodes": _ends(str(axcodes), came_from), "keep": keep})]


def _ends(axcodes: str, came_from: bool) -> str:
    from napari_medvol.views.turning import other_ends

    return other_ends(axcodes) if came_from else axcodes
