"""Random grids for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.phantoms.volumes import ORIENTATIONS, Affine, affine_along, rotated, sheared

finite = st.floats(-500, 500, allow_nan=False)
sizes = st.floats(0.05, 12)


@st.composite
def grids(draw: st.DrawFn, shear: float = 0.3) -> Affine:
    """Affines of any orientation, rotated, anisotropic and a little sheared."""
    affine = affine_along(
        draw(st.sampled_from(ORIENTATIONS)),
        draw(st.tuples(sizes, sizes, sizes)),
        draw(st.tuples(finite, finite, finite)),
    )
    about = draw(st.tuples(*[st.floats(-1, 1)] * 3))
    assume(np.linalg.norm(about) > 0.1)
    affine = rotated(affine, draw(st.floats(-180, 180)), about)
    return sheared(affine, draw(st.floats(-shear, shear))) if shear else affine
