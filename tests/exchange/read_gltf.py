"""A reader of binary glTF files of its own, for what the tests ask."""

import json
import struct
from pathlib import Path

import numpy as np

from tests.exchange.file_motion import FileMotion, affine

_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def load(path):
    """The JSON part and a function that hands out accessors as arrays."""
    data = Path(path).read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    content = json.loads(data[20 : 20 + size])
    blob = data[28 + size :]

    def accessor(index):
        entry = content["accessors"][index]
        view = content["bufferViews"][entry["bufferView"]]
        assert "byteStride" not in view
        assert "sparse" not in entry
        width = _SIZES[entry["type"]]
        start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        return np.frombuffer(blob, _TYPES[entry["componentType"]], entry["count"] * width, start).reshape(-1, width)

    return content, accessor


def read_gltf(path):
    """`FileMotion` of a file: bones are the joints of its skins, or without a skin all nodes below an armature."""
    content, accessor = load(path)
    nodes = content["nodes"]
    parent = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}
    joints = sorted({j for skin in content.get("skins", ()) for j in skin["joints"]})
    if not joints:
        joints = [i for i in range(len(nodes)) if i in parent]
    still = {
        i: (
            np.array(node.get("translation", [0, 0, 0]), float),
            np.array(node.get("rotation", [0, 0, 0, 1]), float),
            np.array(node.get("scale", [1, 1, 1]), float),
        )
        for i, node in enumerate(nodes)
    }

    def world(i, places):
        matrix = _matrix(places[i])
        while i in parent:
            i = parent[i]
            matrix = _matrix(places[i]) @ matrix
        return matrix

    clips = {}
    for animation in content.get("animations", ()):
        times = np.unique(np.concatenate([accessor(s["input"])[:, 0] for s in animation["samplers"]]))
        moved = {i: [np.tile(part, (len(times), 1)) for part in parts] for i, parts in still.items()}
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            at, values = accessor(sampler["input"])[:, 0], accessor(sampler["output"]).astype(float)
            k = ("translation", "rotation", "scale").index(channel["target"]["path"])
            moved[channel["target"]["node"]][k] = np.stack([np.interp(times, at, v) for v in values.T], axis=-1)
        clips[animation["name"]] = times, {nodes[i]["name"]: world(i, moved)[..., :3, 3] for i in joints}
    surfaces = [
        accessor(primitive["attributes"]["POSITION"])
        for node in nodes
        if "mesh" in node
        for primitive in content["meshes"][node["mesh"]]["primitives"]
    ]
    facts = {"weights": [key for m in content.get("meshes", ()) for p in m["primitives"] for key in p["attributes"]]}
    return FileMotion(
        {nodes[i]["name"]: nodes[parent[i]]["name"] if parent.get(i) in joints else None for i in joints},
        clips,
        {nodes[i]["name"]: world(i, still)[:3, 3] for i in joints},
        {node["name"]: "Mesh" if "mesh" in node else "Null" for i, node in enumerate(nodes) if i not in joints},
        np.concatenate(surfaces) if surfaces else np.zeros((0, 3)),
        facts,
    )


def _matrix(place):
    translation, quaternion, scale = place
    x, y, z, w = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    rotation = np.stack([np.stack(np.broadcast_arrays(*row), axis=-1) for row in rows], axis=-2)
    return affine(translation, rotation, scale)
