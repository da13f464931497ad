"""A form of the header that is wrong, said to be unknown."""

from __future__ import annotations

from napari_medvol.errors import StepError
from napari_medvol.recipe import KEEPS_WORLD
from napari_medvol.volume import Step, Volume


def forget_qform(volume: Volume) -> Volume:
    """Return a volume whose header says of its qform that it is unknown, the numbers kept.

    ``qform_code`` becomes 0 (nifti1.h); every other byte of the header stays, in the file that
    is written, too. It mends files whose qform disagrees with a sform that is right.

    Parameters
    ----------
    volume : Volume
        From a NIfTI file, placed by its sform.

    Raises
    ------
    StepError
        If it is of another format, no sform would place it, its qform is unknown already, or it
        was read by a form that puts it elsewhere than its sform.
    """
    forget = getattr(volume.native, "without_qform", None)
    if forget is None:
        raise StepError(
            f"qform of {volume.name!r}",
            "it does not come from a NIfTI file",
            "Choose a NIfTI scan with both forms",
        )
    _refuse_elsewhere(volume)
    said = {"qform_code": "0 (unknown)"}
    header = tuple(row._replace(value=said.get(row.name, row.value)) for row in volume.header)
    return volume.derive(Step("forget_qform"), native=forget(volume.name), header=header)


def _refuse_elsewhere(volume: Volume) -> None:
    """Refuse what lies where the form says that is to be forgotten, and the sform does not."""
    by_qform = any(name == "qform" for name, _ in volume.report.used)
    apart = [f.text for f in volume.report.findings if f.kind in ("forms differ", "handedness")]
    is_moved = not {step.op for step in volume.history} <= KEEPS_WORLD
    if by_qform and apart and not is_moved:
        raise StepError(
            f"qform of {volume.name!r}",
            f"the volume is placed by its qform, not its sform: {apart[0].split(';')[0]}",
            "Read it by its sform, or convert it with codes=unknown,aligned to keep this place",
        )
