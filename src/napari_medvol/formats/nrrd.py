"""Placeholder until written."""

from __future__ import annotations

from napari_medvol.formats.row import Format

FORMAT = Format("nrrd", (), lambda path: False, lambda paths, choices: [])
