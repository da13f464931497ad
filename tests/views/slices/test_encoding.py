"""PNG of our own making, read by programs of others."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from napari_medvol.errors import StepError
from napari_medvol.views.slices.encoding import encoded, png

pictures = st.tuples(
    st.sampled_from([np.uint8, np.uint16]), st.integers(1, 9), st.integers(1, 9), st.booleans()
).flatmap(lambda t: arrays(t[0], (t[1], t[2], 3) if t[3] else (t[1], t[2])))


@given(picture=pictures)
def test_every_picture_comes_back_as_it_was(picture: np.ndarray[Any, Any]) -> None:
    kinds: tuple[Any, ...] = ("png", "tiff")
    for kind in kinds:
        content = encoded(picture, kind, (1.0, 1.0))
        back = imagecodecs.png_decode(content) if kind == "png" else _by_tifffile(content)
        np.testing.assert_array_equal(back, picture)
        assert back.dtype == picture.dtype


def _by_tifffile(content: bytes) -> Any:
    import tifffile

    return tifffile.imread(io.BytesIO(content))


def test_pillow_checks_every_chunk_and_finds_the_pixel_size() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 30)).astype(np.uint8)

    with Image.open(io.BytesIO(png(picture, (0.5, 2.0)))) as image:
        image.verify()
    with Image.open(io.BytesIO(png(picture[:, ::-2], (0.5, 2.0)))) as image:
        np.testing.assert_array_equal(np.asarray(image), picture[:, ::-2])
        np.testing.assert_allclose(25.4 / np.array(image.info["dpi"]), (2.0, 0.5))


def test_png_is_about_as_small_as_others_make_it() -> None:
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(0).integers(0, 6, (256, 256))
    picture = (np.hypot(x - 128, y - 128) / 2 + noise).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=1)

    assert len(png(picture, (1, 1))) < 1.15 * len(out.getvalue())


def test_jpeg_has_its_quality_and_refuses_sixteen_bits() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)

    sizes = [len(encoded(picture, "jpeg", (1, 1), quality)) for quality in (20, 60, 95)]

    assert sizes == sorted(sizes)
    with pytest.raises(StepError, match="it holds 8 bits a sample, not uint16"):
        encoded(picture.astype(np.uint16), "jpeg", (1, 1))
