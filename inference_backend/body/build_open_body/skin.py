"""MakeHuman's bones and skin weights, summed to SMPL-X's joints."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...protocol.skeleton import FINGERS, JOINTS
from .sources import Rig

_SIDES: Final = (("left", "L"), ("right", "R"))
_FINGERS: Final = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
_TOES: Final = range(1, 6)


def joint_bones() -> dict[str, tuple[str, ...]]:
    """For each of SMPL-X's joints, the bones whose heads' mean is the joint's place."""
    bones: dict[str, tuple[str, ...]] = {
        "pelvis": ("spine05",),
        "spine1": ("spine04",),
        "spine2": ("spine02",),
        "spine3": ("spine01",),
        "neck": ("neck01",),
        "head": ("head",),
        "jaw": ("jaw",),
    }
    for side, s in _SIDES:
        bones |= {
            f"{side}_hip": (f"upperleg01.{s}",),
            f"{side}_knee": (f"lowerleg01.{s}",),
            f"{side}_ankle": (f"foot.{s}",),
            f"{side}_foot": tuple(f"toe{toe}-1.{s}" for toe in _TOES),
            f"{side}_collar": (f"clavicle.{s}",),
            f"{side}_shoulder": (f"upperarm01.{s}",),
            f"{side}_elbow": (f"lowerarm01.{s}",),
            f"{side}_wrist": (f"wrist.{s}",),
            f"{side}_eye_smplhf": (f"eye.{s}",),
        }
        for finger, number in _FINGERS.items():
            for segment in (1, 2, 3):
                bones[f"{side}_{finger}{segment}"] = (f"finger{number}-{segment}.{s}",)
    return {name: bones[name] for name in JOINTS}


def bone_joints(rig: Rig) -> dict[str, str]:
    """For each bone, the joint that moves its skin.

    Twist and helper bones go with their limb; bones of the face with the head, but those of the lower lip and the
    tongue with the jaw.
    """
    whole = {
        "root": "pelvis",
        "pelvis": "pelvis",
        "spine05": "pelvis",
        "spine04": "spine1",
        "spine03": "spine1",
        "spine02": "spine2",
        "spine01": "spine3",
        "breast": "spine3",
        "neck01": "neck",
        "neck02": "neck",
        "neck03": "neck",
        "jaw": "jaw",
        "special04": "jaw",
        "oris01": "jaw",
        "oris02": "jaw",
        "oris06": "head",
        "oris07": "jaw",
    }
    sided = {
        "clavicle": "collar",
        "shoulder01": "collar",
        "upperarm01": "shoulder",
        "upperarm02": "shoulder",
        "lowerarm01": "elbow",
        "lowerarm02": "elbow",
        "wrist": "wrist",
        "upperleg01": "hip",
        "upperleg02": "hip",
        "lowerleg01": "knee",
        "lowerleg02": "knee",
        "foot": "ankle",
        "eye": "eye_smplhf",
    }
    fingers = {number: finger for finger, number in _FINGERS.items()}
    joints: dict[str, str] = {}
    for bone in rig.names:
        stem, _, s = bone.partition(".")
        side = {"L": "left", "R": "right"}.get(s, "")
        if stem in sided:
            joints[bone] = f"{side}_{sided[stem]}"
        elif stem.startswith("metacarpal"):
            joints[bone] = f"{side}_wrist"
        elif stem.startswith("finger"):
            joints[bone] = f"{side}_{fingers[int(stem[6])]}{stem[8]}"
        elif stem.startswith("toe"):
            joints[bone] = f"{side}_foot"
        elif stem in whole:
            joints[bone] = whole[stem]
        elif stem.startswith("tongue"):
            joints[bone] = "jaw"
        else:
            joints[bone] = "head"
    return joints


def mirrored_joints() -> NDArray[np.int64]:
    """Index of each joint's partner on the other side (itself on the middle line)."""
    swap = {"left": "right", "right": "left"}
    names = [
        f"{swap[name.split('_')[0]]}_{name.split('_', 1)[1]}" if name.split("_")[0] in swap else name for name in JOINTS
    ]
    return np.array([JOINTS.index(name) for name in names])


def joint_weights(rig: Rig) -> NDArray[np.float64]:
    """Skin weights of the base mesh's vertices for SMPL-X's joints, `[N,55]`; rows sum to 1."""
    weights = np.zeros((len(rig.weights), len(JOINTS)))
    for bone, joint in bone_joints(rig).items():
        weights[:, JOINTS.index(joint)] += rig.weights[:, rig.names.index(bone)]
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)


def rig_joints(rig: Rig, base: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPL-X's joints as the rig's helpers place them in base meshes `[...,N,3]`: `[...,55,3]`, metres."""
    places = [
        np.mean([base[..., rig.heads[bone], :].mean(axis=-2) for bone in bones], axis=0)
        for bones in joint_bones().values()
    ]
    return np.stack(places, axis=-2)


def finger_ends(rig: Rig, base: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ends of the last bones of the left, then the right hand's fingers (SMPL-X's order), `[...,10,3]`, metres."""
    bones = [f"finger{_FINGERS[finger]}-3.{s}" for _, s in _SIDES for finger in FINGERS]
    return np.stack([base[..., rig.tails[bone], :].mean(axis=-2) for bone in bones], axis=-2)
