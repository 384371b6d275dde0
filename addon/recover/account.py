"""How a result came about, in words: kept with its armatures, so that panels open no file."""

import json
from dataclasses import dataclass

from ...inference_backend.protocol.estimators import offer
from ...inference_backend.protocol.result_format import Result


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
    facts = [
        ("Person", f"{ids.index(person_id) + 1} of {len(ids)}"),
        ("Estimator", offer(result.estimator).label),
        ("Body", result.body_name),
        ("Version", version),
    ]
    return Account(tuple(facts), result.warnings)
