"""Which bones of a rig show what: a preset applied to a rig's names, and choosing the preset that fits."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .preset import IkLimb, PropertyValue, RigPreset

_ENOUGH: Final = 0.6
"""Of a preset's body parts (fingers aside), a rig must have this share to be taken for one of its kind."""
_MANNERS: Final = ("index", "middle", "pinky", "ring", "thumb", "jaw", "eye")


@dataclass
class BoneMap:
    """Names of a rig's own bones.

    Attributes:
        preset: key of the preset that it began as; "" for one found by structure.
        bones, twist, match, root_bone, root_mode, ik, properties, follow: as in `RigPreset`, with the rig's names.
        missing: the preset's body parts that the rig has no bone for.
    """

    preset: str
    bones: dict[str, tuple[str, ...]]
    twist: dict[str, tuple[str, ...]] = field(default_factory=dict)
    match: dict[str, str] = field(default_factory=dict)
    root_bone: str | None = None
    root_mode: str = "hips"
    ik: dict[str, IkLimb] = field(default_factory=dict)
    properties: tuple[PropertyValue, ...] = ()
    follow: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class _Names:
    """Looks up a preset's names among a rig's."""

    def __init__(self, preset: RigPreset, names: Iterable[str]) -> None:
        prefix = re.compile(preset.prefix) if preset.prefix else None
        self._names: dict[str, str] = {}
        for name in names:
            bare = name
            if prefix is not None and (found := prefix.match(name)) is not None:
                bare = name[found.end() :]
            self._names.setdefault(bare, name)

    def find(self, name: str | None) -> str | None:
        """The rig's bone for a name or the first of its alternatives that it has."""
        if name is None:
            return None
        return next((self._names[a] for a in name.split("|") if a in self._names), None)

    def chain(self, names: Sequence[str]) -> tuple[str, ...]:
        found = (self.find(name) for name in names)
        return tuple(name for name in found if name is not None)


def apply_preset(preset: RigPreset, names: Iterable[str]) -> BoneMap:
    """A preset's map for a rig with bones `names`; parts that the rig has no bone for are left out."""
    known = _Names(preset, names)
    bones = {part: chain for part, listed in preset.bones.items() if (chain := known.chain(listed))}
    twist = {part: chain for part, listed in preset.twist.items() if (chain := known.chain(listed))}
    limbs = {}
    for limb, entry in preset.ik.items():
        control = known.find(entry.control)
        if control is not None:
            properties = _properties(entry.properties, known)
            limbs[limb] = IkLimb(control, known.find(entry.pole), known.find(entry.toe), properties)
    follow = {known.find(a): known.find(b) for a, b in preset.follow.items()}
    root = known.find(preset.root_bone)
    return BoneMap(
        preset=preset.key,
        bones=bones,
        twist=twist,
        match=dict(preset.match),
        root_bone=root,
        root_mode=preset.root_mode if root or preset.root_mode != "root_bone" else "hips",
        ik=limbs,
        properties=_properties(preset.properties, known),
        follow={a: b for a, b in follow.items() if a and b},
        missing=tuple(part for part in preset.bones if part not in bones),
    )


def _properties(listed: Iterable[PropertyValue], known: _Names) -> tuple[PropertyValue, ...]:
    found = []
    for entry in listed:
        bone = known.find(entry.bone)
        if entry.bone is None or bone is not None:
            found.append(PropertyValue(bone, entry.name, entry.fk, entry.ik))
    return tuple(found)


def best_preset(presets: Iterable[RigPreset], names: Iterable[str]) -> RigPreset | None:
    """The preset that names most of a rig's bones, of those whose `detect` names are all there; None without one."""
    names = tuple(names)
    best, most = None, 0
    for preset in presets:
        known = _Names(preset, names)
        if not preset.detect or any(known.find(name) is None for name in preset.detect):
            continue
        if any(known.find(name) is not None for name in preset.absent):
            continue
        body = [part for part in preset.bones if not any(manner in part for manner in _MANNERS)]
        found = [part for part in body if known.chain(preset.bones[part])]
        if len(found) < _ENOUGH * len(body):
            continue
        count = sum(len(known.chain(chain)) for chain in preset.bones.values())
        count += sum(len(known.chain(chain)) for chain in preset.twist.values()) + 2 * len(preset.ik)
        if count > most:
            best, most = preset, count
    return best


def duplicate_uses(bones: Mapping[str, Sequence[str]]) -> list[str]:
    """Bones that more than one part of a map uses."""
    seen: dict[str, str] = {}
    twice = []
    for part, chain in bones.items():
        for name in chain:
            if seen.setdefault(name, part) != part:
                twice.append(name)
    return twice


def as_preset(bone_map: BoneMap, name: str) -> dict:
    """A map as the content of a preset file of its own, for saving.

    Args:
        bone_map: the map.
        name: what the person calls it.
    """

    def values(listed: Iterable[PropertyValue]) -> list[dict]:
        return [({"bone": p.bone} if p.bone else {}) | {"property": p.name, "fk": p.fk, "ik": p.ik} for p in listed]

    content: dict = {"format": 1, "name": name, "names_only": True}
    content["bones"] = {part: chain[0] if len(chain) == 1 else list(chain) for part, chain in bone_map.bones.items()}
    if bone_map.twist:
        content["twist"] = {part: list(chain) for part, chain in bone_map.twist.items()}
    if bone_map.match:
        content["match"] = dict(bone_map.match)
    mode = {"mode": bone_map.root_mode}
    content["root"] = ({"bone": bone_map.root_bone} if bone_map.root_bone else {}) | mode
    if bone_map.ik:
        content["ik"] = {
            limb: {"control": entry.control}
            | ({"pole": entry.pole} if entry.pole else {})
            | ({"toe": entry.toe} if entry.toe else {})
            | ({"properties": values(entry.properties)} if entry.properties else {})
            for limb, entry in bone_map.ik.items()
        }
    if bone_map.properties:
        content["properties"] = values(bone_map.properties)
    if bone_map.follow:
        content["follow"] = dict(bone_map.follow)
    content["detect"] = [chain[0] for part, chain in bone_map.bones.items() if not any(m in part for m in _MANNERS)]
    return content
