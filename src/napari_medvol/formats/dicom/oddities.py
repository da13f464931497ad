"""What is odd about the images of a volume, in words for its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.frames import Frame, different
from napari_medvol.report import Finding

#: A tilt below this is rounding in the file, degrees.
_TILT_WORTH_SAYING: Final = 0.1


_SAME_FOR_ALL: Final = (
    ("Rescale Slope", tags.RESCALE_SLOPE),
    ("Rescale Intercept", tags.RESCALE_INTERCEPT),
)
_SIGN: Final = (tags.PIXEL_REPRESENTATION,)


def odd_images(held: Sequence[Frame]) -> list[Finding]:
    """Return what is to be said of the images for themselves: spacing, bits, kind, loss."""
    own = dict.fromkeys(finding for frame in held for finding in frame.findings)
    return [*own, *_in_plane(held), *_warned(held[0]), *_high_bits(held), *_mixed(held)]


def _mixed(held: Sequence[Frame]) -> list[Finding]:
    """Return what the images of one volume do not all say."""
    findings = []
    for name, tag in _SAME_FOR_ALL:
        said = {frame.text(tag) != "" for frame in different(held, (tag,))}
        if len(said) > 1:
            text = f"{name} is missing in some images of the volume and not in others"
            findings.append(Finding(text, "warning", "mixed"))
    signs = {frame.text(tags.PIXEL_REPRESENTATION) for frame in different(held, _SIGN)}
    if len(signs) > 1:
        text = "Pixel Representation differs: some images are signed, others are not"
        findings.append(Finding(text, "warning", "mixed"))
    return findings


def _in_plane(held: Sequence[Frame]) -> list[Finding]:
    """Return what is odd of the pixel spacing of any of the images."""
    leads = {frame.spacing_from: frame for frame in held}
    return [finding for lead in leads.values() for finding in _spacing_odd(lead)]


def _spacing_odd(lead: Frame) -> list[Finding]:
    if lead.spacing_from in ("PixelSpacing", "SequenceOfUltrasoundRegions"):
        return []
    if not lead.spacing_from:
        said = lead.text(tags.PIXEL_SPACING)
        gives = f"an impossible pixel spacing ({said})" if said else "no pixel spacing"
        text = f"the file gives {gives}: 1 mm is assumed, sizes are not to be trusted"
        return [Finding(text, "warning", "spacing")]
    if lead.spacing_from == "PixelAspectRatio":
        text = "the file gives the shape of a pixel but not its size: sizes are not in mm"
        return [Finding(text, "warning", "spacing")]
    text = f"pixel spacing is from {lead.spacing_from}, at the detector, not in the patient"
    return [Finding(text, "note", "spacing")]


def _warned(lead: Frame) -> list[Finding]:
    findings = []
    if "LOCALIZER" in lead.text(tags.IMAGE_TYPE).upper().split("\\"):
        findings.append(Finding("a localizer", "note", "localizer"))
    if lead.text(tags.BURNED_IN_ANNOTATION).upper() == "YES":
        findings.append(Finding("text is burned into the image", "note", "burned in"))
    if lead.header.raw(tags.OVERLAY_DATA) is not None:
        text = "the file has an overlay plane (60xx,3000), which is not drawn"
        findings.append(Finding(text, "note", "overlay"))
    if lead.header.raw(tags.REAL_WORLD_VALUE_MAPPING_SEQUENCE) is not None:
        text = "the file has a real-world value map: value='rwv' applies it"
        findings.append(Finding(text, "note", "rwv offered"))
    if lead.text(tags.LOSSY_IMAGE_COMPRESSION) == "01":
        findings.append(Finding("the image was compressed with a loss", "note", "lossy"))
    return findings


def unordered(sort_key: str) -> list[Finding]:
    """Return what is to be said where only the names of files gave an order."""
    if "file name" not in sort_key:
        return []
    text = "nothing in the files says the order of the images of one place: by file name"
    return [Finding(text, "warning", "order")]


def unreadable(held: Sequence[Frame]) -> list[Finding]:
    """Return the files whose pixels cannot be used, counted and named."""
    bad = {str(f.header.path): f.header.problem for f in held if f.header.problem}
    if not bad:
        return []
    files = len({str(f.header.path) for f in held})
    shown = "; ".join(f"{Path(path).name} ({why})" for path, why in list(bad.items())[:5])
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    text = f"{len(bad)} of {files} unreadable and left blank: {shown}{more}"
    return [Finding(text, "warning", "unreadable")]


def malformed(held: Sequence[Frame]) -> list[Finding]:
    """Return what was asked for as a number and is none."""
    headers = {id(frame.header): frame.header for frame in held}.values()
    notes = [note for header in headers for note in header.malformed]
    if not notes:
        return []
    listed = "; ".join(list(dict.fromkeys(notes))[:5])
    return [Finding(f"{listed}: taken as absent", "warning", "malformed")]


def _high_bits(held: Sequence[Frame]) -> list[Finding]:
    leads = different(held, (tags.HIGH_BIT, tags.BITS_STORED))
    pairs = {(f.number_of(tags.HIGH_BIT), f.number_of(tags.BITS_STORED)) for f in leads}
    odd = [(h, s) for h, s in pairs if h is not None and s is not None and h != s - 1]
    texts = [f"High Bit {high:g} does not go with {stored:g} Bits Stored" for high, stored in odd]
    return [Finding(text, "note", "bits") for text in sorted(texts)]


def tilted(tilt: float, lead: Frame) -> list[Finding]:
    """Return what is to be said of slices that are stacked off their normal."""
    if tilt < _TILT_WORTH_SAYING:
        return []
    said = lead.text(tags.GANTRY_DETECTOR_TILT)
    element = f"; GantryDetectorTilt says {said}°" if said else ""
    text = (
        f"slices are stacked {tilt:.2f}° off their normal (gantry tilt{element}): the grid is"
        " sheared, every voxel is at its true place"
    )
    return [Finding(text, "warning", "tilt")]
