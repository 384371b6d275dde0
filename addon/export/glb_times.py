"""Sets the time stamps of a binary glTF file right, at rates such as 23.976.

Blender's exporter (4.2 to 5.2) divides frames by fps * fps_base where it should by fps / fps_base: at 24 / 1.001
frames a second every clip came out 0.2 % too short.
"""

import json
import struct
from pathlib import Path
from typing import Final

import numpy as np

_HEADER: Final = struct.Struct("<4sII")
_CHUNK: Final = struct.Struct("<I4s")


def set_duration(path: Path, seconds: float) -> None:
    """Scale all time stamps of a file so that its longest clip ends after `seconds`; does nothing when it does."""
    data = path.read_bytes()
    magic, version, _ = _HEADER.unpack_from(data)
    size, kind = _CHUNK.unpack_from(data, _HEADER.size)
    start = _HEADER.size + _CHUNK.size
    content = json.loads(data[start : start + size])
    blob = bytearray(data[start + size :])
    animations = content.get("animations", ())
    inputs = sorted({sampler["input"] for animation in animations for sampler in animation["samplers"]})
    entries = [content["accessors"][index] for index in inputs]
    last = max((entry["max"][0] for entry in entries), default=0.0)
    if last <= 0 or abs(seconds - last) <= 1e-6 * seconds:
        return
    for entry in entries:
        view = content["bufferViews"][entry["bufferView"]]
        at = _CHUNK.size + view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        times = np.frombuffer(blob, "<f4", entry["count"], at)
        right = (times.astype(np.float64) * (seconds / last)).astype("<f4")
        blob[at : at + right.nbytes] = right.tobytes()
        entry["min"], entry["max"] = [float(right.min())], [float(right.max())]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    whole = start + len(text) + len(blob)
    path.write_bytes(_HEADER.pack(magic, version, whole) + _CHUNK.pack(len(text), kind) + text + bytes(blob))
