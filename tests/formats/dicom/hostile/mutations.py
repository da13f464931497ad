"""One damaged file out of a sound one, by a seed."""

from __future__ import annotations

import random
import re
import struct
import zlib
from functools import cache
from io import BytesIO

import pydicom

from tests.formats.dicom.hostile.sources import originals, quiet
from tests.formats.dicom.hostile.values import HOSTILE
from tests.phantoms import dicom as phantom

LENGTHS = (0, 1, 3, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT")


def encoded(tag: int, vr: bytes, raw: bytes, *, implicit: bool = False) -> bytes:
    """Return an element, little-endian."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit and tag >> 16 != 2:
        return head + struct.pack("<L", len(raw)) + raw
    if vr in _LONG:
        return head + vr + b"\0\0" + struct.pack("<L", len(raw)) + raw
    return head + vr + struct.pack("<H", min(len(raw), 65534)) + raw


@cache
def elements_of(content: bytes) -> tuple[tuple[int, int, int, int], ...]:
    """Return (tag, start, value, end) of the top-level elements, as pydicom finds them."""
    with quiet():
        ds = pydicom.dcmread(BytesIO(content), force=True)
    implicit = ds.original_encoding[0]
    found = []
    for part in (ds.file_meta, ds):
        for tag in part.keys():  # noqa: SIM118 - iterating would convert the values
            raw = part.get_item(tag)
            at = getattr(raw, "value_tell", None)
            if at is None or not 132 < at < len(content):
                continue
            short = (implicit and tag.group != 2) or str(raw.VR).encode() not in _LONG
            length = getattr(raw, "length", 0)
            end = len(content) if length == 0xFFFFFFFF else at + length
            found.append((int(tag), at - (8 if short else 12), at, end))
    return tuple(sorted(found, key=lambda one: one[1]))


def _is_implicit(content: bytes) -> bool:
    return b"1.2.840.10008.1.2\0" in content[:600]


def flipped(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    end = min(len(data), rng.choice((600, 2500, len(data))))
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        data[rng.randrange(128, end)] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(rng: random.Random, content: bytes) -> bytes:
    """Cut at the boundary of an element, or a few bytes beside it."""
    edges = [edge for _, *places in elements_of(content) for edge in places]
    return content[: max(0, rng.choice(edges or [len(content) // 2]) + rng.randrange(-4, 5))]


def wrong_length(rng: random.Random, content: bytes) -> bytes:
    _, start, value, _ = rng.choice(elements_of(content))
    data = bytearray(content)
    if value - start == 12 or _is_implicit(content):
        data[value - 4 : value] = struct.pack("<L", rng.choice(LENGTHS))
    else:
        data[value - 2 : value] = struct.pack("<H", rng.choice(LENGTHS) & 0xFFFF)
    return bytes(data)


def any_length(rng: random.Random, content: bytes) -> bytes:
    """Write a hostile number anywhere: also into lengths of items and fragments."""
    at = rng.randrange(132, max(133, len(content) - 4))
    return content[:at] + struct.pack("<L", rng.choice(LENGTHS)) + content[at + 4 :]


def wrong_item(rng: random.Random, content: bytes) -> bytes:
    """Change the length of an item or a delimiter."""
    at = [m.start() for m in re.finditer(rb"\xfe\xff[\x00\x0d\xdd]\xe0", content, re.DOTALL)]
    if not at:
        return wrong_length(rng, content)
    place = rng.choice(at) + 4
    return content[:place] + struct.pack("<L", rng.choice(LENGTHS)) + content[place + 4 :]


def replaced(content: bytes, tag: int, vr: bytes, raw: bytes) -> bytes:
    """Return the file with an element replaced, or put in where the order of tags wants it."""
    new = encoded(tag, vr, raw, implicit=_is_implicit(content))
    for known, start, _, end in elements_of(content):
        if known == tag:
            return content[:start] + new + content[end:]
        if known > tag:
            return content[:start] + new + content[start:]
    return content + new


def hostile_value(rng: random.Random, content: bytes) -> bytes:
    """Let an element say what it cannot, most often one that is there."""
    there = [one[0] for one in elements_of(content) if one[0] in HOSTILE]
    tag = rng.choice(there if there and rng.random() < 0.8 else list(HOSTILE))
    return replaced(content, tag, *rng.choice(HOSTILE[tag]))


def two_hostile(rng: random.Random, content: bytes) -> bytes:
    return hostile_value(rng, hostile_value(rng, content))


def hostile_number(rng: random.Random, content: bytes) -> bytes:
    """Replace a number in text, at any depth, by one of the same length."""
    found = [m.span() for m in re.finditer(rb"(?<=[\\ \x00-\x0c])-?\d+(\.\d+)?(?=[\\ ])", content)]
    if not found:
        return hostile_value(rng, content)
    start, end = rng.choice(found)
    text = rng.choice((b"nan", b"inf", b"-9", b"0", b"1e99", b"1e-99", b"x", b"", b"9999999999"))
    return content[:start] + text.ljust(end - start)[: end - start] + content[end:]


def twice(rng: random.Random, content: bytes) -> bytes:
    """Repeat an element right behind itself or at the end."""
    _, start, _, end = rng.choice(elements_of(content))
    at = rng.choice((end, len(content)))
    return content[:at] + content[start:end] + content[at:]


def disordered(rng: random.Random, content: bytes) -> bytes:
    """Exchange two neighbours, or take one away."""
    there = elements_of(content)
    n = rng.randrange(len(there) - 1)
    (_, a, _, b), (_, c, _, d) = there[n], there[n + 1]
    kept = content[c:d] + content[a:b] if rng.random() < 0.6 else content[c:d]
    return content[:a] + kept + content[d:]


def wrong_vr(rng: random.Random, content: bytes) -> bytes:
    _, start, value, _ = rng.choice(elements_of(content))
    data = bytearray(content)
    if value - start in (8, 12) and not _is_implicit(content):
        data[start + 4 : start + 6] = rng.choice((b"US", b"DS", b"SQ", b"UN", b"OB", b"zz", b"AT"))
    return bytes(data)


def nested(rng: random.Random, content: bytes) -> bytes:
    """Put in sequences inside sequences, with or without their ends."""
    depth = rng.choice((3, 200, 3000))
    tag = rng.choice((0x00081115, 0x00186011, 0x00540016, 0x00283000))
    open_ = encoded(tag, b"SQ", b"", implicit=_is_implicit(content))[:-4] + b"\xff" * 4
    open_ += b"\xfe\xff\0\xe0" + b"\xff" * 4
    close = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    new = open_ * depth + close * (depth if rng.random() < 0.7 else rng.randrange(depth))
    at = next((start for known, start, _, _ in elements_of(content) if known > tag), len(content))
    return content[:at] + new + content[at:]


def stirred(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(132, len(content))
    junk = rng.randbytes(rng.randrange(1, 40))
    return content[:at] + junk + content[at + rng.choice((0, len(junk))) :]


def deflated(content: bytes) -> bytes:
    """Return an explicit little-endian file with its dataset deflated. PS3.5 A.5."""
    syntax = b"\x02\0\x10\0UI"
    at = content.find(syntax)
    stop = content.find(b"\x08\0", at + 28)
    if at < 0 or stop < 0:
        return content
    uid = phantom.DEFLATED.encode()
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(content[stop:]) + packer.flush()
    return (
        content[:at] + syntax + struct.pack("<H", len(uid)) + uid + content[at + 28 : stop] + body
    )


MUTATIONS = (
    flipped,
    flipped,
    cut,
    cut,
    wrong_length,
    any_length,
    wrong_item,
    hostile_value,
    hostile_value,
    hostile_value,
    two_hostile,
    hostile_number,
    twice,
    disordered,
    wrong_vr,
    nested,
    stirred,
)


def mutant(source: str, seed: int) -> tuple[str, dict[str, bytes]]:
    """Return what was done, and the files: one of them, or all in the same way, damaged."""
    rng = random.Random(f"{source} {seed}")
    # Half of the deflated ones are damaged before they are deflated.
    deflate = source == "deflated" and rng.random() < 0.5
    files = dict(originals("explicit" if deflate else source))
    if source == "shipped":
        name = rng.choice(sorted(files))
        files = {name: files[name]}
    mutation = rng.choice(MUTATIONS)
    names = sorted(files) if rng.random() < 0.3 else [rng.choice(sorted(files))]
    again = rng.random()
    for name in names:
        try:
            files[name] = mutation(random.Random(f"{seed} {again}"), files[name])
        except Exception:
            files[name] = stirred(rng, files[name])
    if deflate:
        files = {name: deflated(content) for name, content in files.items()}
    return f"{mutation.__name__} of {', '.join(names)}", files
