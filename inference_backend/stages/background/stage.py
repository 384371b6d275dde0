"""The background stage: points of the background followed through each shot."""

from ...records.background import Background
from ...records.context import StageContext
from ...records.video import Shots, Video
from ..frames.read import read_frames
from .follower import BackgroundFollower

_PROGRESS_EVERY = 16


def follow_background(
    video: Video, shots: Shots, working_side: int, ctx: StageContext, watched: BackgroundFollower | None = None
) -> Background:
    """Follow the background of a clip.

    Args:
        video: the clip.
        shots: its shots.
        working_side: longer side of the pictures that the people stage looks at.
        ctx: progress.
        watched: what looked at the same pictures during the people stage; None reads them again.

    Raises:
        RecoverError: `BAD_INPUT` when the clip cannot be read any more.
        Cancelled: from `ctx.progress`.
    """
    if watched is None:
        watched = BackgroundFollower(video, shots)
        for frame, picture in read_frames(video, max_side=working_side):
            watched.see(frame, picture)
            if watched.seen % _PROGRESS_EVERY == 0:
                ctx.progress(frame / len(video), watched.seen)
    ctx.progress(1.0, len(video))
    return watched.finish()
