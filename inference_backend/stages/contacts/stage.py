"""The contact stage: which heels and toes stand on the floor, found or given by the user."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.feet import find_soles
from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.skeleton import CONTACT_POINTS
from ...records.context import StageContext
from ...records.motion import Contacts, WorldMotion
from ...records.video import Video
from .detect import detect
from .settings import ContactSettings


def find_contacts(
    video: Video, motion: WorldMotion, body: Body, settings: ContactSettings, ctx: StageContext
) -> Contacts:
    """Find where a person's heels and toes rest on the floor.

    Args:
        video: gives the time stamp of each frame.
        motion: N frames in the world, floor at y = 0.
        body: `body.Body`.
        settings: thresholds.
        ctx: progress.

    Returns:
        Contacts `[N,4]`, columns as `protocol.skeleton.CONTACT_POINTS`.
    """
    soles = find_soles(body, motion.betas)
    points = soles.of_motion(motion)[:, :, :2].reshape(-1, 4, 3)
    contact = detect(points, soles.clearance[:, :2].ravel(), video.time_s[motion.frames], motion.valid, settings)
    ctx.progress(1.0, len(motion.frames))
    return Contacts(motion.person_id, contact)


def check_edits(contact: NDArray[Any], motion: WorldMotion) -> Contacts:
    """Take a person's contacts as the user edited them, in place of the found ones.

    Args:
        contact: `[N,4]`, bool (0 and 1 are accepted), one row for each frame of `motion`.
        motion: the motion the contacts belong to.

    Raises:
        RecoverError: `BAD_SETTING` where shape or values do not fit.
    """
    contact = np.asarray(contact)
    wanted = (len(motion.frames), len(CONTACT_POINTS))
    if contact.shape != wanted:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The edited contacts of person {motion.person_id} have shape {contact.shape}, but {wanted} is needed: one "
            f"row for each frame, one column each for {', '.join(CONTACT_POINTS)}.",
            "Edit the contacts of this result, not those of another clip or range.",
        )
    if contact.dtype.kind not in "bui" or not np.isin(contact, (0, 1)).all():
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The edited contacts of person {motion.person_id} hold values other than 0 and 1.",
            "Give 1 where the point stands on the floor and 0 elsewhere.",
        )
    return Contacts(motion.person_id, contact.astype(bool))


def apply_spans(found: Contacts, spans: list[tuple[str, int, int, bool]]) -> Contacts:
    """Overrule found contacts in spans of frames; later spans win over earlier ones.

    Args:
        found: contacts `[N,4]`.
        spans: `(point, start, end, contact)`: a name of `CONTACT_POINTS`, first row and the row after the last, and
            whether the point is in contact there.

    Raises:
        RecoverError: `BAD_SETTING` for an unknown point or a span outside the track.
    """
    contact = found.contact.copy()
    for point, start, end, value in spans:
        if point not in CONTACT_POINTS:
            raise RecoverError(
                ErrorCode.BAD_SETTING,
                f"A contact edit names the point '{point}'.",
                f"Use one of {', '.join(CONTACT_POINTS)}.",
            )
        if not 0 <= start < end <= len(contact):
            raise RecoverError(
                ErrorCode.BAD_SETTING,
                f"A contact edit of person {found.person_id} spans frames {start} to {end}, but the person has frames "
                f"0 to {len(contact)}.",
                "Give a start below the end, both inside the person's track.",
            )
        contact[start:end, CONTACT_POINTS.index(point)] = value
    return Contacts(found.person_id, contact)
