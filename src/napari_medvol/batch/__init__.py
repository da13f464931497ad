"""Many scans, one recipe: found, converted on dask, reported, and resumed where they stopped.

``names`` (what outputs are called) · ``finding`` (what there is to convert) · ``plan`` (one job a
scan) · ``work`` (one job) · ``ledger`` (what is done) · ``schedulers`` (where jobs run) ·
``converting`` (all of it) · ``replaying`` (a recipe once more, in memory).
"""

from napari_medvol.batch.converting import COLUMNS, convert
from napari_medvol.batch.given import convert_volumes
from napari_medvol.batch.names import DEFAULT_TEMPLATE
from napari_medvol.batch.replaying import replay

__all__ = ["COLUMNS", "DEFAULT_TEMPLATE", "convert", "convert_volumes", "replay"]
