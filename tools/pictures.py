"""Draw the pictures of the documentation from real scans: what ``make pictures`` runs.

The scans are public ones (TCIA Soft-tissue-Sarcoma, CC BY 3.0) that are no part of the
project: ``MEDVOL_DATA`` says where they are.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import napari_medvol as mv

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MEDVOL_DATA") or ROOT.parent / "shared" / "data") / "data"
PICTURE = ROOT / "docs" / "ct-pet-montage.png"

CT = {"limits": (-160, 240)}
PET = {"colormap": "hot", "limits": (0, 15), "blending": "additive", "opacity": 0.8}


def main() -> int:
    """Draw; print what was drawn."""
    if not DATA.is_dir():
        print(f"no real scans: {DATA} is absent, set MEDVOL_DATA", file=sys.stderr)
        return 1
    [ct] = mv.read(DATA / "sts002_ct")
    [pet] = mv.read(DATA / "sts002_pet", value="suvbw")
    with tempfile.TemporaryDirectory() as folder:
        exported = mv.export_slices(
            [(ct, CT), (pet, PET)],
            folder,
            planes="axial",
            slices=range(10, 42, 4),
            pixel_mm=0.85,
            format="montage",
            grid=(2, 4),
            letters=True,
            scale_bar=True,
            position=True,
        )
        PICTURE.write_bytes(exported[0].read_bytes())
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
