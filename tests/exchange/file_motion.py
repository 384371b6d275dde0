"""What a reader of an exported file hands back, whatever the format."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class FileMotion:
    """Bones of a file and where they go.

    Attributes:
        parents: of each bone by name, None for the top.
        clips: name -> (times `[T]` in seconds, `{bone: positions [T,3]}` in the file's unit and axes).
        rest: `{bone: position [3]}` without animation.
        others: nodes that are no bones, with what they are.
        surface: `[V,3]` points of all meshes at rest, in the file's unit and axes; empty without.
        facts: what else the file says (unit, axes, rate).
    """

    parents: dict
    clips: dict
    rest: dict
    others: dict = field(default_factory=dict)
    surface: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    facts: dict = field(default_factory=dict)

    @property
    def tops(self):
        return [name for name, parent in self.parents.items() if parent is None]

    @property
    def only(self):
        """Times and positions of the only clip."""
        [clip] = self.clips.values()
        return clip


def rotation_xyz(degrees):
    """Matrices `[...,3,3]` of Euler angles `[...,3]` about x, then y, then z."""
    x, y, z = np.moveaxis(np.radians(degrees), -1, 0)
    return axis_turn(z, 2) @ axis_turn(y, 1) @ axis_turn(x, 0)


def axis_turn(radians, axis):
    """Rotation `[...,3,3]` about a coordinate axis."""
    turn = np.zeros((*np.shape(radians), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn[..., axis, axis] = 1
    turn[..., i, i] = turn[..., j, j] = np.cos(radians)
    turn[..., i, j], turn[..., j, i] = -np.sin(radians), np.sin(radians)
    return turn


def affine(translation, rotation, scale=1.0):
    """Matrices `[...,4,4]`."""
    translation, rotation = np.asarray(translation, float), np.asarray(rotation, float)
    shape = np.broadcast_shapes(translation.shape[:-1], rotation.shape[:-2])
    out = np.zeros((*shape, 4, 4))
    out[..., :3, :3] = rotation * np.broadcast_to(scale, (*np.shape(scale)[:-1], 3))[..., None, :]
    out[..., :3, 3], out[..., 3, 3] = translation, 1
    return out
