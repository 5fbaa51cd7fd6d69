"""The words of a PDF of ours: one font, two bytes per letter, and a table back to Unicode."""

import re
import zlib

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def text_of(document: bytes) -> str:
    """All text in the order of the document, a space between its pieces."""
    streams = [_unpacked(match.group(1)) for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)]
    table = next(stream for stream in streams if b"beginbfchar" in stream)
    letters = {int(code, 16): chr(int(letter, 16)) for code, letter in re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]{4})>", table)}
    pieces: list[str] = []
    for stream in streams:
        for found in re.finditer(rb"\(((?:[^()\\]|\\.)*)\) Tj", stream, re.DOTALL):
            raw = _ESCAPED.sub(lambda match: _CONTROL.get(match.group(1), match.group(1)), found.group(1))
            codes = [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]
            pieces.append("".join(letters.get(code, "?") for code in codes))
    return " ".join(" ".join(pieces).split())


def _unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream
