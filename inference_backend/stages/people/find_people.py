"""The people stage: everybody's landmarks in every picture."""

from collections.abc import Callable

from ...protocol.errors import ErrorCode, RecoverError
from ...records.context import StageContext
from ...records.people import PersonTrack
from ...records.video import Shots, Video
from ..frames.read import Picture, read_frames
from .entrances import extend_backwards
from .false_tracks import is_false_track
from .landmarker import PictureLandmarker
from .people_tracker import LandmarkerPool, PeopleTracker
from .person_tracker import Detection
from .repair import repair
from .search import Search
from .settings import PeopleSettings
from .tracks import make_track

_PROGRESS_EVERY = 8
_LATE_S = 2.0  # a search finds somebody within this time of their coming into the picture


def find_people(
    video: Video,
    shots: Shots,
    settings: PeopleSettings,
    ctx: StageContext,
    watch: Callable[[int, Picture], None] | None = None,
) -> list[PersonTrack]:
    """Finds and follows the people of a clip.

    Args:
        video: the clip.
        shots: its shots; nobody is followed across a cut.
        settings: how many people to follow, and how hard to look.
        ctx: progress and notes.
        watch: called with every frame and its picture, so that who else needs them need not decode the clip again.

    Returns:
        One track a person and shot, at least one, ordered by shot and first appearance.

    Raises:
        RecoverError: `NO_PERSON` when nobody is in view, `MISSING_PART` without the pose model, `BAD_INPUT` when the
            clip cannot be read any more.
        Cancelled: from `ctx.progress`.
    """
    seen = _follow(video, shots, settings, ctx, watch)
    scale = max(1.0, max(video.size_wh) / settings.working_side)
    tracks: list[PersonTrack] = []
    for shot, detections in seen:
        frames = shots.frames(shot)
        if not is_false_track(detections, video.fps, len(frames), settings.shortest_s):
            earliest = max(int(frames[~shots.blended[frames]][0]), detections[0].frame - round(_LATE_S * video.fps))
            detections = extend_backwards(video, detections, earliest, video.time_s, settings.working_side)
            tracks.append(make_track(len(tracks), shot, repair(detections, video.time_s), scale))
    if not tracks:
        raise RecoverError(
            ErrorCode.NO_PERSON,
            f'Nobody was found in "{video.path.name}" between {video.time_s[0]:.2f} s and {video.time_s[-1]:.2f} s.',
            "Choose a range in which a person is in view, large enough to tell arms from legs.",
        )
    return tracks


def _follow(
    video: Video,
    shots: Shots,
    settings: PeopleSettings,
    ctx: StageContext,
    watch: Callable[[int, Picture], None] | None,
) -> list[tuple[int, list[Detection]]]:
    seen: list[tuple[int, list[Detection]]] = []
    pool = LandmarkerPool()
    tracker: PeopleTracker | None = None
    shot, done = -1, 0
    try:
        with PictureLandmarker(settings.most) as finder:
            for frame, picture in read_frames(video, max_side=settings.working_side):
                if shots.shot_id[frame] != shot:
                    seen += [(shot, detections) for detections in tracker.finish()] if tracker else []
                    shot = int(shots.shot_id[frame])
                    size_wh = picture.shape[1], picture.shape[0]
                    tracker = PeopleTracker(
                        pool, Search(finder, size_wh, settings.people), size_wh, video.fps, settings
                    )
                if watch is not None:
                    watch(frame, picture)
                if not shots.blended[frame]:
                    tracker.step(picture, frame, float(video.time_s[frame]))
                done += 1
                if done % _PROGRESS_EVERY == 0:
                    ctx.progress(frame / len(video), done)
            seen += [(shot, detections) for detections in tracker.finish()] if tracker else []
    finally:
        pool.close()
    if done < len(video):
        ctx.note(f"{len(video) - done} of {len(video)} frames could not be decoded.")
    ctx.progress(1.0, done)
    return seen
