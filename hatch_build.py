"""Link the manifest into the package for editable installs; the wheel gets a copy."""

import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManifestHook(BuildHookInterface):
    """npe2 looks for ``napari.yaml`` inside the package; ours lives at the top."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make ``src/napari_medvol/napari.yaml`` point at the real file."""
        if version != "editable":
            return
        top = Path(self.root, "napari.yaml")
        link = Path(self.root, "src", "napari_medvol", "napari.yaml")
        link.unlink(missing_ok=True)
        try:
            link.symlink_to(Path("..", "..", "napari.yaml"))
        except OSError:
            shutil.copyfile(top, link)
