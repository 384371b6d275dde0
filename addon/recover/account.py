"""How a result came about, in words: kept with its armatures, so that panels open no file."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Final

from ...inference_backend.protocol.estimators import offer
from ...inference_backend.protocol.result_format import PersonResult, Result


@dataclass(frozen=True)
class Account:
    """What a panel tells of one recovered person.

    Attributes:
        facts: pairs of a subject and what is to be said of it, say `("Estimator", "Kinematic")`.
        notes: the sentences that came with the result.
    """

    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """For a property of the armature."""
        return json.dumps([self.facts, self.notes])

    @classmethod
    def from_json(cls, text: str) -> "Account":
        """Read it back; an empty one where there is none."""
        if not text:
            return cls()
        facts, notes = json.loads(text)
        return cls(tuple((subject, said) for subject, said in facts), tuple(notes))


def summary(result: Result) -> str:
    """What was recovered, in a line: `2 people, 210 frames, Kinematic`."""
    count = len(result.people)
    return f"{count} {'person' if count == 1 else 'people'}, {len(result)} frames, {offer(result.estimator).label}"


def account(result: Result, person_id: int, version: str) -> Account:
    """What there is to tell of a person of a result.

    Args:
        result: that the person is in.
        person_id: whose account it is.
        version: which of the results this is: as recovered, or a cleaning's name.
    """
    ids = [person.person_id for person in result.people]
    person = result.people[ids.index(person_id)]
    facts = [
        ("Person", f"{ids.index(person_id) + 1} of {len(ids)}"),
        ("Version", version),
        ("Estimator", offer(result.estimator).label),
        ("Body", result.body_name),
        ("Stages", ", ".join(_STAGES.get(stage, stage) for stage in result.stages_ran)),
        ("Camera", _camera(result, person)),
        ("Path", _path(person)),
        ("Physics", _physics(person)),
    ]
    return Account(tuple((subject, said) for subject, said in facts if said), result.warnings)


_STAGES: Final = {
    "shots": "cuts",
    "estimate": "poses",
    "convert": "conversion",
    "world": "floor",
    "trajectory": "path",
    "foot_lock": "foot lock",
}
"""Stages whose names mean little to an animator."""

_MOTIONS: Final = {
    "carried": "is carried about",
    "unknown": "taken as standing still: the background shows too little",
}

_PRIORS: Final = {"network": "how people move", "contacts": "standing feet"}

_REASONS: Final = {
    "fell": "the simulated body fell",
    "joints": "the pose changed too much",
    "pelvis": "the path changed too much",
    "no gain": "it was no better",
}


def _camera(result: Result, person: PersonResult) -> str:
    """What the camera of the person's shot does, where that is worth a word."""
    if not result.camera_motion or not person.valid.any():
        return ""
    motion = result.camera_motion[int(result.shot_id[person.valid][0])]
    if motion != "turning":
        return _MOTIONS.get(motion, "")
    focal = result.K[result.shot_id == result.shot_id[person.valid][0], 0, 0]
    return "turns and zooms" if focal.max() / focal.min() > 1.01 else "turns"


def _path(person: PersonResult) -> str:
    report = person.trajectory_report
    frames = report.get("frames", 0)
    if not frames:
        return ""
    prior = _PRIORS.get(report.get("prior", ""), "")
    return f"regenerated from {prior} in {frames} of {int(person.valid.sum())} frames"


def _physics(person: PersonResult) -> str:
    report = person.physics_report
    segments = report.get("segments", [])
    if not segments:
        return ""
    before, after = report["slip_cm_s"]
    kept = f"kept in {report['frames']} of {int(person.valid.sum())} frames"
    why = Counter(_REASONS.get(s["turned_down"], s["turned_down"]) for s in segments if s["turned_down"])
    turned_down = "".join(f"; {reason} in {count} of {len(segments)} parts" for reason, count in why.most_common())
    return f"{kept}; feet slid by {before:.1f} cm/s before and {after:.1f} after{turned_down}"
