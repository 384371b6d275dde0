"""A simulated body made from a person's own: bones, shapes and masses from the rest-pose mesh.

Body frames are the skeleton's frames, so that a ball joint's quaternion is the local rotation of the joint of the same
name. Gravity points along -y, as the product's world has it, so that nothing is turned on the way in or out.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...body.body import Body
from ...geometry.feet import ANKLES, BALLS, Soles, find_soles
from ...protocol.skeleton import BODY_ANCESTOR, BODY_JOINTS, BODY_PARENTS

Array = NDArray[np.float64]

DENSITY: Final = 985.0
"""Kilograms per cubic metre of a body."""
USUAL_KG: Final = 75.0
MASS_KG: Final = (25.0, 250.0)
"""Masses that are believed; outside, the mesh is taken to have no volume and the usual mass is used."""

_SHARES: Final = {
    "pelvis": 0.11, "hip": 0.14, "knee": 0.043, "ankle": 0.011, "foot": 0.003, "spine1": 0.07, "spine2": 0.07,
    "spine3": 0.10, "neck": 0.015, "head": 0.055, "collar": 0.03, "shoulder": 0.027, "elbow": 0.016, "wrist": 0.006,
}  # fmt: skip
"""Share of the body's mass of the segment that begins at a joint; the foot's is split at the ball."""
STIFFNESS: Final = {
    "hip": 1000.0, "knee": 1000.0, "ankle": 600.0, "foot": 120.0, "spine1": 1600.0, "spine2": 1600.0, "spine3": 1600.0,
    "neck": 300.0, "head": 200.0, "collar": 500.0, "shoulder": 500.0, "elbow": 300.0, "wrist": 80.0,
}  # fmt: skip
"""Newton metres per radian by which each joint is driven to its reference."""
DAMPING_S: Final = 0.1
"""Damping over stiffness, seconds."""
_ALONG: Final = {1: 4, 2: 5, 3: 6, 4: 7, 5: 8, 6: 9, 9: 12, 12: 15, 13: 16, 14: 17, 16: 18, 17: 19, 18: 20, 19: 21}
"""Joint towards which a segment's capsule points."""
_RADIUS_M: Final = (0.02, 0.18)


@dataclass(frozen=True)
class Humanoid:
    """A model for the simulator.

    Attributes:
        xml: MJCF text.
        mass_kg: of the whole body.
        soles: the feet that the model's boxes follow.
        stiffness: `[21]`, N m/rad of the joints 1..21.
    """

    xml: str
    mass_kg: float
    soles: Soles
    stiffness: Array


def kind(joint: int) -> str:
    """A joint's name without its side."""
    return BODY_JOINTS[joint].removeprefix("left_").removeprefix("right_")


def make_humanoid(body: Body, betas: NDArray[np.floating]) -> Humanoid:
    """Build the model of one person.

    Args:
        body: `body.Body`.
        betas: `[10]`.
    """
    with torch.no_grad():
        shape = torch.as_tensor(np.asarray(betas), dtype=body.v_template.dtype, device=body.v_template.device)
        vertices = body.rest_vertices(shape).double().cpu().numpy()
    soles = find_soles(body, betas)
    owner = np.array(BODY_ANCESTOR)[body.lbs_weights.argmax(1).cpu().numpy()]
    mass = _mass(vertices, body.faces.cpu().numpy())
    stiffness = np.array([STIFFNESS[kind(joint)] for joint in range(1, 22)])
    return Humanoid(_mjcf(soles, vertices, owner, mass), mass, soles, stiffness)


def _mass(vertices: Array, faces: NDArray[np.int64]) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    mass = DENSITY * abs(float(np.einsum("fi,fi->", a, np.cross(b, c)))) / 6
    return mass if MASS_KG[0] <= mass <= MASS_KG[1] else USUAL_KG


def _mjcf(soles: Soles, vertices: Array, owner: NDArray[np.int64], mass: float) -> str:
    root = ET.Element("mujoco", model="person")
    ET.SubElement(root, "compiler", angle="radian", inertiafromgeom="true")
    ET.SubElement(
        root,
        "option",
        gravity="0 -9.81 0",
        integrator="implicitfast",
        solver="Newton",
        cone="pyramidal",
        timestep="0.00222222",
    )
    default = ET.SubElement(root, "default")
    contact = {"solref": "0.01 1", "solimp": "0.9 0.98 0.002", "friction": "1 0.005 0.0001", "condim": "3"}
    ET.SubElement(default, "geom", contype="1", conaffinity="2", **contact)
    ET.SubElement(default, "joint", armature="0.02")
    world = ET.SubElement(root, "worldbody")
    up = {"contype": "2", "conaffinity": "1", "zaxis": "0 1 0"}
    ET.SubElement(world, "geom", name="floor", type="plane", size="50 50 1", **up)
    shares = np.array([_SHARES[kind(j)] for j in range(22)])
    masses = mass * shares / shares.sum()
    elements: list[ET.Element] = []
    for joint, parent in enumerate(BODY_PARENTS):
        at = soles.joints[joint] - (soles.joints[parent] if joint else 0)
        place = {"name": BODY_JOINTS[joint], "pos": _text(at)}
        element = ET.SubElement(elements[parent] if joint else world, "body", **place)
        if joint:
            stiffness = STIFFNESS[kind(joint)]
            damping = f"{DAMPING_S * stiffness:g}"
            ET.SubElement(element, "joint", name=BODY_JOINTS[joint], type="ball", damping=damping)
        else:
            # MuJoCo's free joint takes no armature.
            ET.SubElement(element, "freejoint", name="pelvis")
        part = vertices[owner == joint] - soles.joints[joint]
        shape = _box(soles, joint, part) if joint in (*ANKLES, *BALLS) else _capsule(soles.joints, joint, part)
        ET.SubElement(element, "geom", mass=f"{masses[joint]:.6g}", **shape)
        elements.append(element)
    return ET.tostring(root, encoding="unicode")


def _capsule(joints: Array, joint: int, part: Array) -> dict[str, str]:
    """A capsule inside a segment's vertices `[V,3]`, relative to its joint: 0.9 of their usual distance thick."""
    centre = part.mean(0) if len(part) else np.array([0.0, 0.02, 0.0])
    if joint == 0:
        start, end = joints[1] - joints[0], joints[2] - joints[0]
    elif joint in _ALONG:
        start, end = np.zeros(3), joints[_ALONG[joint]] - joints[joint]
    else:  # head and hands end in the air
        start, end = 0.5 * centre, 1.2 * centre
    along = end - start
    length = max(float(np.linalg.norm(along)), 1e-4)
    share = np.clip((part - start) @ along / length**2, 0, 1)
    distance = np.linalg.norm(part - start - share[:, None] * along, axis=1)
    radius = float(np.clip(0.9 * np.median(distance), *_RADIUS_M)) if len(part) else _RADIUS_M[0]
    ends = np.concatenate([start, end + (1e-3 if length < 1e-3 else 0.0)])
    return {"type": "capsule", "fromto": _text(ends), "size": f"{radius:.5g}"}


def _box(soles: Soles, joint: int, part: Array) -> dict[str, str]:
    """A box under the heel (ankle) or the toes (ball of the foot): both bottoms lie in the plane of the flat sole."""
    toes = joint in BALLS
    side = (BALLS if toes else ANKLES).index(joint)
    flat = soles.flat[side]
    rest = soles.joints
    # In the flat foot's axes, relative to this joint.
    ball = flat @ (rest[BALLS[side]] - rest[joint])
    points = (soles.points[side] - rest[joint]) @ flat.T
    floor = float((points[:, 1] - soles.clearance[side]).mean())
    turned = part @ flat.T
    low = turned[turned[:, 1] < floor + 0.03]
    low = low if len(low) else turned
    x = low[:, 0].min(), low[:, 0].max()
    z = (ball[2], low[:, 2].max()) if toes else (low[:, 2].min(), ball[2])
    top = floor + (0.02 if toes else max(0.6 * -floor, 0.02))
    lower, upper = np.array([x[0], floor, z[0]]), np.array([x[1], top, z[1]])
    half = np.maximum(0.5 * (upper - lower), 0.005)
    middle = flat.T @ (0.5 * (lower + upper))
    quaternion = Rotation.from_matrix(flat.T).as_quat()[[3, 0, 1, 2]]
    return {"type": "box", "pos": _text(middle), "size": _text(half), "quat": _text(quaternion)}


def _text(values: Array) -> str:
    return " ".join(f"{value:.6g}" for value in values)
