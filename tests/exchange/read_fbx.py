"""A reader of binary FBX files of its own, for what the tests ask: nodes, curves, meshes, global settings."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.exchange.file_motion import FileMotion, affine, rotation_xyz

TICKS = 46186158000
"""FBX time units in a second."""
_SCALARS = {"Y": "<h", "C": "<b", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}
_ARRAYS = {"f": "<f4", "d": "<f8", "l": "<i8", "i": "<i4", "b": "<i1"}


@dataclass
class Node:
    name: str
    values: list
    children: list

    def all(self, name):
        return [child for child in self.children if child.name == name]

    def one(self, name):
        [found] = self.all(name)
        return found

    @property
    def settings(self):
        return {p.values[0]: p.values[4:] for block in self.all("Properties70") for p in block.children}


def parse(path):
    """The tree of nodes of a binary FBX file."""
    data = Path(path).read_bytes()
    assert data.startswith(b"Kaydara FBX Binary  \x00"), "not a binary FBX file"
    wide = struct.unpack_from("<I", data, 23)[0] >= 7500
    head = struct.Struct("<QQQB" if wide else "<IIIB")

    def node(at):
        end, count, _, length = head.unpack_from(data, at)
        if end == 0:
            return None, at + head.size
        at += head.size
        name = data[at : at + length].decode()
        at += length
        values = []
        for _ in range(count):
            value, at = prop(at)
            values.append(value)
        children = []
        while at < end:
            child, at = node(at)
            if child is not None:
                children.append(child)
        return Node(name, values, children), end

    def prop(at):
        kind = chr(data[at])
        at += 1
        if kind in _SCALARS:
            return struct.unpack_from(_SCALARS[kind], data, at)[0], at + struct.calcsize(_SCALARS[kind])
        if kind in _ARRAYS:
            count, packed, size = struct.unpack_from("<III", data, at)
            raw = data[at + 12 : at + 12 + size]
            return np.frombuffer(zlib.decompress(raw) if packed else raw, _ARRAYS[kind], count), at + 12 + size
        (size,) = struct.unpack_from("<I", data, at)
        raw = data[at + 4 : at + 4 + size]
        return (raw.decode("utf-8", "replace") if kind == "S" else raw), at + 4 + size

    at, top = 27, []
    while True:
        found, at = node(at)
        if found is None:
            return Node("", [], top)
        top.append(found)


def read_fbx(path):
    """`FileMotion` of a file. Nodes are named as in the file; positions are those of the whole tree of nodes."""
    tree = parse(path)
    objects = tree.one("Objects")
    models = {n.values[0]: n for n in objects.all("Model")}
    name = {i: n.values[1].split("\x00\x01")[0] for i, n in models.items()}
    links = [c.values for c in tree.one("Connections").children]
    parent = {c[1]: c[2] for c in links if c[0] == "OO" and c[1] in models and (c[2] in models or c[2] == 0)}
    bones = [i for i, n in models.items() if n.values[2] == "LimbNode"]
    local = {i: _local(n) for i, n in models.items()}

    def world(i, places):
        matrix = affine(*places[i])
        while parent.get(i, 0):
            i = parent[i]
            matrix = affine(*places[i]) @ matrix
        return matrix

    clips = {}
    for stack in objects.all("AnimationStack"):
        times, moved = _animated(tree, links, stack.values[0], local)
        places = {i: tuple(_euler(part, k) for k, part in enumerate(moved[i])) for i in models}
        clips[stack.values[1].split("\x00\x01")[0]] = times, {name[i]: world(i, places)[..., :3, 3] for i in bones}
    still = {i: tuple(_euler(part, k) for k, part in enumerate(local[i])) for i in models}
    geometry = {n.values[0]: n for n in objects.all("Geometry") if n.values[2] == "Mesh"}
    surfaces = []
    for c in links:
        if c[0] == "OO" and c[1] in geometry and c[2] in models:
            points = geometry[c[1]].one("Vertices").values[0].reshape(-1, 3)
            matrix = world(c[2], still)
            surfaces.append(points @ matrix[:3, :3].T + matrix[:3, 3])
    facts = tree.one("GlobalSettings").settings
    facts["kinds"] = [(n.name, n.values[2]) for n in objects.children]
    facts["turned"] = {name[i]: local[i][1:] for i in models if i not in bones}
    facts["influences"] = _influences(objects)
    return FileMotion(
        {name[i]: name[parent[i]] if parent.get(i, 0) in bones else None for i in bones},
        clips,
        {name[i]: world(i, still)[:3, 3] for i in bones},
        {name[i]: n.values[2] for i, n in models.items() if i not in bones},
        np.concatenate(surfaces) if surfaces else np.zeros((0, 3)),
        facts,
    )


def _local(node):
    settings = node.settings
    assert not any(np.any(settings.get(key, [0])) for key in ("PreRotation", "PostRotation", "RotationOffset"))
    return tuple(
        np.array(settings.get(key, default), dtype=float)
        for key, default in (("Lcl Translation", [0] * 3), ("Lcl Rotation", [0] * 3), ("Lcl Scaling", [1] * 3))
    )


def _euler(part, k):
    return rotation_xyz(part) if k == 1 else part


def _animated(tree, links, stack, local):
    objects = tree.one("Objects")
    curves = {n.values[0]: n for n in objects.all("AnimationCurve")}
    nodes = {n.values[0] for n in objects.all("AnimationCurveNode")}
    layers = {c[1] for c in links if c[0] == "OO" and c[2] == stack}
    mine = {c[1] for c in links if c[0] == "OO" and c[1] in nodes and c[2] in layers}
    times = np.unique(np.concatenate([n.one("KeyTime").values[0] for n in curves.values()]))
    own = {c[1] for c in links if c[0] == "OP" and c[1] in curves and c[2] in mine}
    last = max(curves[i].one("KeyTime").values[0][-1] for i in own)
    times = times[times <= last]
    moved = {i: [np.tile(part, (len(times), 1)) for part in parts] for i, parts in local.items()}
    target = {c[1]: (c[2], c[3]) for c in links if c[0] == "OP" and c[1] in mine}
    order = ("Lcl Translation", "Lcl Rotation", "Lcl Scaling")
    for c in links:
        if c[0] == "OP" and c[1] in curves and c[2] in target:
            model, prop = target[c[2]]
            curve = curves[c[1]]
            values = np.interp(times, curve.one("KeyTime").values[0], curve.one("KeyValueFloat").values[0])
            moved[model][order.index(prop)][:, "XYZ".index(c[3][-1])] = values
    return times / TICKS, moved


def _influences(objects):
    """How many bones move a vertex, at most."""
    counts = {}
    for cluster in objects.all("Deformer"):
        if cluster.values[2] == "Cluster" and cluster.all("Indexes"):
            weights = cluster.one("Weights").values[0]
            for vertex in cluster.one("Indexes").values[0][weights > 1e-6]:
                counts[vertex] = counts.get(vertex, 0) + 1
    return max(counts.values(), default=0)
