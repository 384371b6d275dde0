"""Retargeting a whole clip at once: from the recovered skeleton's arrays to the channels of a rig's bones."""

from dataclasses import dataclass, field

import numpy as np

from ..quaternions import multiply
from .arm_ik import reach_arms
from .figures import Figures, feet_slide, largest_direction_error
from .leg_ik import feet, plant_feet
from .path import Proportions, RootMode, floor_root, hips_middle, proportions, source_middle, wanted_hips
from .posing import Posed, pose, with_ancestors
from .preset import LIMBS
from .rest_match import RestMatch, match_rest
from .rotations import normalised, rotate
from .skeletons import Array, SourceMotion, TargetRig
from .transfer import bone_turns, part_turns

_POLE_DISTANCE = 0.75
"""Of the limb's length: how far a pole stands from the knee or elbow."""


_LIMB_PARTS = frozenset({"head", *(part for parts in LIMBS.values() for part in parts)})


@dataclass(frozen=True)
class Options:
    """What the person chose.

    Attributes:
        root: what carries the path.
        plant_feet: pin feet that are planted in the recovery.
        reach: keep hands that touch the body or each other there.
    """

    root: RootMode = RootMode.HIPS
    plant_feet: bool = True
    reach: bool = False


@dataclass
class Retargeted:
    """Channels of the rig through the clip, T keys.

    Attributes:
        basis: rotation `[T,4]` by node; location: `[T,3]` by node.
        object_turn, object_place: `[T,4]` and `[T,3]` of the object in its own space, where it carries the path.
        figures: how well it follows.
        notes: sentences for the person.
        posed: the rig in its own space.
        wanted: E by part, as forward kinematics want it; match: how the rest poses fit.
    """

    basis: dict[int, Array]
    location: dict[int, Array]
    object_turn: Array | None
    object_place: Array | None
    figures: Figures
    posed: Posed
    wanted: dict[str, Array]
    match: RestMatch
    notes: list[str] = field(default_factory=list)


def retarget(source: SourceMotion, rig: TargetRig, options: Options) -> Retargeted:
    """Let a rig move as a recovered person does.

    Args:
        source: the motion, in the rig's space.
        rig: the target.
        options: what the person chose.
    """
    match = match_rest(source, rig)
    notes = list(match.notes)
    sizes = proportions(source, rig, notes)
    body = _Body(source, rig, match, sizes, options)
    wanted = part_turns(source, rig, match)
    turns = wanted
    posed = body.pose(turns, None)
    found = feet(source, rig, match, sizes, turns, posed)
    before = after = feet_slide(found, *_ankles(rig, found, posed, turns))
    contacts = before is not None and options.plant_feet
    drop = None
    if contacts:
        turns, _, drop = plant_feet(source, rig, match, found, turns, posed)
        posed = body.pose(turns, drop)
    if options.reach:
        turns = reach_arms(source, rig, sizes.scale, turns, posed)
    posed = body.pose(turns, drop, limbs_only=False)
    if contacts:
        after = feet_slide(found, *_ankles(rig, found, posed, turns))
    error, part = largest_direction_error(wanted, turns, match)
    unit = rig.unit_m
    return Retargeted(
        basis=posed.basis,
        location=posed.location,
        object_turn=body.base[0] if body.base else None,
        object_place=body.base[1] if body.base else None,
        figures=Figures(
            error, part, before * unit if before is not None else None, after * unit if after is not None else None
        ),
        posed=posed,
        wanted=wanted,
        match=match,
        notes=notes,
    )


def _ankles(
    rig: TargetRig, found: dict, posed: Posed, turns: dict[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    places = {side: posed.places[rig.parts[f"{side}_ankle"][0]] for side in found}
    return places, {side: turns[f"{side}_ankle"] for side in found}


class _Body:
    """Poses the rig: trunk where it belongs, bones as they are turned, controls where they follow."""

    def __init__(
        self, source: SourceMotion, rig: TargetRig, match: RestMatch, sizes: Proportions, options: Options
    ) -> None:
        self.source, self.rig, self.match, self.count = source, rig, match, len(source.time_s)
        hips = wanted_hips(source, rig, sizes)
        floor = floor_root(source, sizes)
        mode = options.root
        carrier = _carrier(rig, rig.parts["pelvis"][0])
        if mode is RootMode.ROOT_BONE and rig.root in (None, carrier):
            mode = RootMode.HIPS
        if mode is RootMode.IN_PLACE:
            hips = hips - floor
        self.hips = hips
        ends = [chain[0] for part, chain in rig.parts.items() if part in _LIMB_PARTS]
        self.limbs = with_ancestors(rig, [rig.parts["pelvis"][0], *ends])
        self.base: tuple[Array, Array] | None = None
        self.root: tuple[Array, Array] | None = None
        # the hips stand before their root as they do at rest; the source's root lies at the origin then
        floor = floor + rotate(source.root_turns, sizes.scale * _flat(source_middle(source, rig), source.up))
        flat_middle = _flat(hips_middle(rig), source.up)
        heading = multiply(source.root_turns, match.facing)
        if mode is RootMode.OBJECT:
            # turned about the point below the hips at rest, the object's own origin goes around it
            self.base = (heading, floor - rotate(heading, flat_middle))
        elif mode is RootMode.ROOT_BONE:
            head = rig.nodes[rig.root].head
            place = floor + rotate(heading, _flat(head, source.up) - flat_middle) + source.up * (head @ source.up)
            self.root = (multiply(heading, rig.nodes[rig.root].rest), place)

    def pose(self, turns: dict[str, Array], drop: Array | None, *, limbs_only: bool = True) -> Posed:
        """The rig as `turns` (E by part) pose it.

        Args:
            turns: E by part.
            drop: `[T]`, by how much the hips come down.
            limbs_only: only what feet and hands hang from, which is all that inverse kinematics ask for.
        """
        rig = self.rig
        only = self.limbs if limbs_only else None
        shown = bone_turns(self.source, rig, self.match, turns, only)
        places: dict[int, Array] = {}
        if self.root is not None:
            shown[rig.root], places[rig.root] = self.root
        hips = self.hips if drop is None else self.hips - np.outer(drop, self.source.up)
        pelvis = rig.parts["pelvis"][0]
        carrier = _carrier(rig, pelvis)
        # the hips' middle turns with the pelvis; a bone above that carries it is shifted by what is missed
        offset = rotate(self.match.facing, rig.nodes[pelvis].head - hips_middle(rig))
        places[carrier] = hips + rotate(turns["pelvis"], offset)
        if carrier != pelvis:
            trunk = with_ancestors(rig, [pelvis])
            missed = places[carrier] - pose(rig, self.count, shown, places, self.base, trunk).places[pelvis]
            places[carrier] = places[carrier] + missed
        if not limbs_only and (rig.ik or rig.follow):
            self._control(turns, pose(rig, self.count, shown, places, self.base), shown, places)
        return pose(rig, self.count, shown, places, self.base, only)

    def _control(
        self, turns: dict[str, Array], posed: Posed, shown: dict[int, Array], places: dict[int, Array]
    ) -> None:
        """Give controls of inverse kinematics, and bones that follow others, their places."""
        rig = self.rig
        for limb, (control, pole, toe) in rig.ik.items():
            first, middle, last = LIMBS[limb]
            if not all(part in rig.parts for part in LIMBS[limb]):
                continue
            start, joint, end = (posed.places[rig.parts[part][0]] for part in (first, middle, last))
            rest = multiply(self.match.facing, rig.nodes[control].rest)
            shown[control] = multiply(turns[last], rest)
            places[control] = end + rotate(
                multiply(turns[last], self.match.facing), rig.nodes[control].head - rig.joint(last)
            )
            if pole is not None:
                places[pole] = _pole(start, joint, end, self._bend_side(turns, limb))
            toes = last.replace("ankle", "foot")
            if toe is not None and toes in turns:
                shown[toe] = multiply(turns[toes], multiply(self.match.facing, rig.nodes[toe].rest))
        for node, leader in rig.follow:
            turn = multiply(posed.turns[leader], rig.nodes[leader].rest * np.array([1.0, -1.0, -1.0, -1.0]))
            shown[node] = multiply(turn, rig.nodes[node].rest)
            places[node] = posed.places[leader] + rotate(turn, rig.nodes[node].head - rig.nodes[leader].head)

    def _bend_side(self, turns: dict[str, Array], limb: str) -> Array:
        """Where the knee or elbow points `[T,3]` when the limb is straight."""
        first, middle, last = LIMBS[limb]
        rig = self.rig
        start, joint, end = (rig.joint(part) for part in (first, middle, last))
        straight = normalised(end - start)
        bent = (joint - start) - straight * ((joint - start) @ straight)
        if np.linalg.norm(bent) < 0.01 * np.linalg.norm(end - start):
            toes = rig.joint(last.replace("ankle", "foot"))
            if limb.endswith("leg") and toes is not None:
                bent = toes - end
            else:
                other = rig.joint(first.replace("left", "right") if "left" in first else first.replace("right", "left"))
                across = start - other if other is not None else start - rig.joint("pelvis")
                forward = np.cross(across if "left" in first else -across, self.source.up)
                bent = forward if limb.endswith("leg") else -forward
            bent = bent - straight * (bent @ straight)
        return rotate(turns[first], rotate(self.match.facing, normalised(bent)))


def _flat(point: Array, up: Array) -> Array:
    return point - up * (point @ up)


def _carrier(rig: TargetRig, pelvis: int) -> int:
    """The pelvis, or the nearest bone above it that can be moved (a connected bone cannot)."""
    node = pelvis
    while not rig.nodes[node].movable and rig.nodes[node].place_follow >= 0:
        node = rig.nodes[node].place_follow
    return node if rig.nodes[node].movable else pelvis


def _pole(start: Array, joint: Array, end: Array, straight: Array) -> Array:
    """Where a pole stands `[T,3]`: from the joint outwards, in the limb's plane."""
    along = end - start
    length = np.linalg.norm(joint - start, axis=-1, keepdims=True) + np.linalg.norm(end - joint, axis=-1, keepdims=True)
    axis = normalised(along)
    out = (joint - start) - axis * np.sum((joint - start) * axis, axis=-1, keepdims=True)
    sideways = straight - axis * np.sum(straight * axis, axis=-1, keepdims=True)
    # near a straight limb the plane is noise, and the side it bends to takes over
    share = np.clip((np.linalg.norm(out, axis=-1, keepdims=True) / length - 0.005) / 0.02, 0.0, 1.0)
    direction = normalised(share * normalised(out) + (1.0 - share) * normalised(sideways))
    return joint + _POLE_DISTANCE * length * direction
