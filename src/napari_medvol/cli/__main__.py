"""``python -m napari_medvol.cli``."""

import sys

from napari_medvol.cli import main

sys.exit(main())
