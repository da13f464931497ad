"""Python's search for cyclic garbage, put off while a scan makes its thousands of small objects.

None of them is garbage, and looking through all of them again and again takes a quarter of the
time of a scan.
"""

from __future__ import annotations

import gc
import threading
from typing import Final


class _Pause:
    """A block without the search; from any number of threads, also one inside another.

    The last to leave finds the search as the first did.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_enabled = True

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_enabled:
                gc.enable()


#: ``with NO_COLLECTION:`` for blocks that end soon.
NO_COLLECTION: Final = _Pause()
