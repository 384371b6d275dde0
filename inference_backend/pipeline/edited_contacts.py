"""Contacts that a person edited, in place of those that the contacts stage finds."""

import hashlib
from pathlib import Path

import numpy as np

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.result_format import load_contacts
from ..records.motion import Contacts, WorldMotion
from ..records.video import Video


def edited_contacts(path: Path | None, video: Video, motions: list[WorldMotion]) -> dict[int, Contacts]:
    """Edited contacts by person id.

    Args:
        path: the file (`result_format.load_contacts`); None for none.
        video: the clip they were edited for.
        motions: of the clip's people.

    Raises:
        RecoverError: `BAD_INPUT` for a file that cannot be used, `BAD_SETTING` when it belongs to other people.
    """
    if path is None:
        return {}
    from ..stages.contacts.stage import check_edits

    given = load_contacts(path, video.frame_index)
    by_person = {motion.person_id: motion for motion in motions}
    if strangers := sorted(given.keys() - by_person.keys()):
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f'"{path}" holds contacts of person {strangers[0]}, whom this clip does not have.',
            "Give the contacts of this result, not those of another clip or range.",
        )
    return {person: check_edits(rows[by_person[person].frames], by_person[person]) for person, rows in given.items()}


def contacts_key(contacts: Contacts) -> str:
    """What stands for edited contacts among the inputs of later stages."""
    return hashlib.sha256(np.packbits(contacts.contact).tobytes()).hexdigest()
