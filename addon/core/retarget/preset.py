"""Rig presets: which bone of a target rig shows which joint, as data. The format is described in docs/retarget.md.

Numpy-free and bpy-free: what a file says, checked, with a sentence for everything that is wrong in it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ....inference_backend.protocol.errors import ErrorCode, RecoverError
from ....inference_backend.protocol.skeleton import JOINTS

FORMAT: Final = 1
SPINE, NECK = "spine", "neck"
_CHAINED: Final = ("spine1", "spine2", "spine3", "neck")
PARTS: Final[tuple[str, ...]] = ("pelvis", SPINE, NECK, *(j for j in JOINTS[1:] if j not in _CHAINED))
"""What a preset maps: SMPL-X's joints, with spine1..spine3 as one chain `spine`."""

LIMBS: Final[dict[str, tuple[str, str, str]]] = {
    "left_leg": ("left_hip", "left_knee", "left_ankle"),
    "right_leg": ("right_hip", "right_knee", "right_ankle"),
    "left_arm": ("left_shoulder", "left_elbow", "left_wrist"),
    "right_arm": ("right_shoulder", "right_elbow", "right_wrist"),
}
"""Limbs that inverse kinematics can place: upper, middle and end joint."""

TWISTING: Final[tuple[str, ...]] = tuple(joint for limb in LIMBS.values() for joint in limb[:2])
MATCHES: Final = ("direction", "heading", "rest")
ROOT_MODES: Final = ("hips", "root_bone", "object")
_NEEDED: Final = ("pelvis",)
_KEYS: Final = {
    "format", "name", "description", "source", "names_only", "names", "bones", "twist", "match", "root", "ik",
    "properties", "follow", "detect", "absent", "rest",
}  # fmt: skip


@dataclass(frozen=True)
class PropertyValue:
    """A custom property of a pose bone (bone None: of the object) that the retargeted action keys.

    Attributes:
        bone: its pose bone, or None.
        name: of the property.
        fk, ik: its value while the limb is driven by forward or inverse kinematics; equal for one that is always set.
    """

    bone: str | None
    name: str
    fk: float | int | bool
    ik: float | int | bool


@dataclass(frozen=True)
class IkLimb:
    """Controls of a limb's inverse kinematics.

    Attributes:
        control: bone that places the limb's end.
        pole: bone that the knee or elbow points at; None where the rig has none.
        toe: bone that turns the toes while the foot is placed by `control`; None where the rig has none.
        properties: what switches the limb between FK and IK.
    """

    control: str
    pole: str | None = None
    toe: str | None = None
    properties: tuple[PropertyValue, ...] = ()


@dataclass(frozen=True)
class RigPreset:
    """A kind of rig.

    Attributes:
        key: its file's name without ending.
        name, description: for the person.
        source: public place that its names come from.
        names_only: rest pose and axes were not checked against a real rig.
        prefix: regular expression of what may stand before every bone's name.
        bones: target bones by part, each a chain in series from root to tip; a name may hold alternatives (`A|B`).
        twist: bones beside the chain that share out a limb's twist, by joint.
        match: how a part's rest pose is matched, where it is not the usual way.
        root_bone: bone on the floor below the pelvis, or None; root_mode: what carries the path unless chosen.
        ik: controls by limb.
        properties: custom properties that are keyed once.
        follow: bones that move with another bone of the rig (engines' helper bones).
        detect: names that must be there for the preset to be chosen by itself; absent: that must not.
        rest: facts about the rest pose, for readers.
    """

    key: str
    name: str
    description: str = ""
    source: str = ""
    names_only: bool = False
    prefix: str = ""
    bones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    twist: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    match: Mapping[str, str] = field(default_factory=dict)
    root_bone: str | None = None
    root_mode: str = "hips"
    ik: Mapping[str, IkLimb] = field(default_factory=dict)
    properties: tuple[PropertyValue, ...] = ()
    follow: Mapping[str, str] = field(default_factory=dict)
    detect: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)


def load_preset(file: Path) -> RigPreset:
    """Read a preset file.

    Raises:
        RecoverError: `BAD_INPUT`, the file cannot be read or says something that a preset cannot say.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The rig preset {file} cannot be read: {error.strerror or error}.",
            "Check that the file is there and may be read.",
        ) from None
    except ValueError as error:  # JSON and UTF-8 errors both are
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The rig preset {file} is not valid JSON: {error}.",
            "Correct it in a text editor, or save it anew from Blender.",
        ) from None
    return parse_preset(content, file)


def parse_preset(content: Any, file: Path) -> RigPreset:
    """A preset of a file's content.

    Args:
        content: what the JSON says.
        file: where it stands, for messages; its stem is the preset's key.

    Raises:
        RecoverError: `BAD_INPUT`, something in it is wrong.
    """
    return _Reader(file).preset(content)


class _Reader:
    def __init__(self, file: Path) -> None:
        self.file = file

    def bad(self, what: str, remedy: str) -> RecoverError:
        return RecoverError(ErrorCode.BAD_INPUT, f"In the rig preset {self.file}, {what}.", remedy)

    def preset(self, content: Any) -> RigPreset:
        content = self.object(content, "the whole file")
        if content.get("format") != FORMAT:
            raise self.bad(
                f'"format" is {content.get("format")!r} where {FORMAT} is needed', "Write it as docs/retarget.md says."
            )
        for key in content:
            if key not in _KEYS:
                raise self.bad(f"{key!r} is no known entry", f"Known are: {', '.join(sorted(_KEYS))}.")
        source = self.object(content.get("source", {}), '"source"')
        names = self.object(content.get("names", {}), '"names"')
        root = self.object(content.get("root", {}), '"root"')
        names_only = bool(content.get("names_only", False))
        if not names_only and not source.get("url"):
            raise self.bad(
                'neither "source" has a "url" nor is "names_only" true',
                "Say where the names can be looked up, or that only the names are known.",
            )
        bones = self.chains(content.get("bones", {}), '"bones"', PARTS)
        for part in _NEEDED:
            if part not in bones:
                raise self.bad(f'"bones" does not name a bone for {part!r}', "Every rig needs it: add it.")
        mode = root.get("mode", "root_bone" if root.get("bone") else "hips")
        if mode not in ROOT_MODES:
            raise self.bad(f'the "mode" of "root" is {mode!r}', f"Use one of: {', '.join(ROOT_MODES)}.")
        if mode == "root_bone" and not root.get("bone"):
            raise self.bad('"root" has the mode "root_bone" but no "bone"', "Name the root bone, or use another mode.")
        return RigPreset(
            key=self.file.stem,
            name=self.text(content.get("name", ""), '"name"'),
            description=self.text(content.get("description", ""), '"description"', empty=True),
            source=self.text(source.get("url", ""), 'the "url" of "source"', empty=True),
            names_only=names_only,
            prefix=self.pattern(names.get("prefix", "")),
            bones=bones,
            twist=self.chains(content.get("twist", {}), '"twist"', TWISTING),
            match=self.match(content.get("match", {})),
            root_bone=self.text(root["bone"], 'the "bone" of "root"') if root.get("bone") else None,
            root_mode=mode,
            ik=self.ik(content.get("ik", {})),
            properties=tuple(self.property(p, '"properties"') for p in self.list(content.get("properties", []))),
            follow=self.pairs(content.get("follow", {}), '"follow"'),
            detect=tuple(self.text(n, 'a name in "detect"') for n in self.list(content.get("detect", []))),
            absent=tuple(self.text(n, 'a name in "absent"') for n in self.list(content.get("absent", []))),
            rest=self.object(content.get("rest", {}), '"rest"'),
        )

    def object(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.bad(f"{where} is no object in braces", "Write it as docs/retarget.md says.")
        return value

    def list(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.bad(f"{value!r} stands where a list is needed", "Put it in square brackets.")
        return value

    def text(self, value: Any, where: str, *, empty: bool = False) -> str:
        if not isinstance(value, str) or not (value or empty):
            raise self.bad(f"{where} is {value!r} where a text is needed", "Give it a text in quotation marks.")
        return value

    def pattern(self, value: Any) -> str:
        text = self.text(value, 'the "prefix" of "names"', empty=True)
        try:
            re.compile(text)
        except re.error as error:
            raise self.bad(
                f'the "prefix" of "names", {text!r}, is no regular expression: {error}', "Correct it."
            ) from None
        return text

    def chains(self, value: Any, where: str, allowed: Iterable[str]) -> dict[str, tuple[str, ...]]:
        allowed = tuple(allowed)
        found: dict[str, tuple[str, ...]] = {}
        owner: dict[str, str] = {}
        for part, names in self.object(value, where).items():
            if part not in allowed:
                raise self.bad(
                    f"{where} maps {part!r}, which is no part of the body there",
                    f"Use SMPL-X's joint names: {', '.join(allowed[:8])}, ...",
                )
            listed = names if isinstance(names, list) else [names]
            found[part] = tuple(self.text(name, f"the bone of {part!r} in {where}") for name in listed)
            for name in found[part]:
                if owner.setdefault(name, part) != part or found[part].count(name) > 1:
                    raise self.bad(
                        f"{where} uses the bone {name!r} for both {owner[name]!r} and {part!r}",
                        "A bone can show one part only: remove one of them.",
                    )
        return found

    def match(self, value: Any) -> dict[str, str]:
        rules = self.pairs(value, '"match"')
        for part, rule in rules.items():
            if part not in PARTS or rule not in MATCHES:
                raise self.bad(
                    f'"match" has {part!r}: {rule!r}', f"Give a part of the body one of: {', '.join(MATCHES)}."
                )
        return rules

    def pairs(self, value: Any, where: str) -> dict[str, str]:
        return {key: self.text(text, f"{key!r} in {where}") for key, text in self.object(value, where).items()}

    def ik(self, value: Any) -> dict[str, IkLimb]:
        limbs = {}
        for limb, entry in self.object(value, '"ik"').items():
            where = f'{limb!r} in "ik"'
            if limb not in LIMBS:
                raise self.bad(f"{where} is no limb", f"Use: {', '.join(LIMBS)}.")
            entry = self.object(entry, where)
            limbs[limb] = IkLimb(
                control=self.text(entry.get("control"), f'the "control" of {where}'),
                pole=self.text(entry["pole"], f'the "pole" of {where}') if entry.get("pole") else None,
                toe=self.text(entry["toe"], f'the "toe" of {where}') if entry.get("toe") else None,
                properties=tuple(self.property(p, where) for p in self.list(entry.get("properties", []))),
            )
        return limbs

    def property(self, value: Any, where: str) -> PropertyValue:
        entry = self.object(value, f"a property of {where}")
        name = self.text(entry.get("property"), f'the "property" of {where}')
        fk, ik = entry.get("fk", entry.get("value")), entry.get("ik", entry.get("value"))
        for number in (fk, ik):
            if not isinstance(number, (int, float)):
                raise self.bad(
                    f'the property {name!r} of {where} has no number as its "value", or as "fk" and "ik"',
                    "Give it one.",
                )
        bone = self.text(entry["bone"], f'the "bone" of {where}') if entry.get("bone") else None
        return PropertyValue(bone, name, fk, ik)
