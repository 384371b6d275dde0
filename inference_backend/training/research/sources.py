"""Clips for the stages out of the data sets that a user has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from ...protocol.errors import ErrorCode, RecoverError
from ..data.readers.amass import read_amass
from ..data.readers.bedlam import read_bedlam
from ..data.readers.clip import BodyClip, PictureClip, spans
from ..data.readers.egobody import read_egobody
from ..data.readers.image_poses import read_image_poses
from ..data.readers.mixture import Mixture
from .bodies import Bodies
from .pictures import well_seen
from .plans import Plan

_BEDLAM_OVERLAP = 2
_STILL_STEP = {"egobody": 1, "bedlam": 5}
_TOKENIZER_STEP, _TOKENIZER_TRIM = 10, 0.2


@dataclass(frozen=True)
class Folders:
    """Where a user's data are.

    Attributes:
        amass, egobody: roots of the data sets.
        bedlam: annotations and pictures.
        images: pairs of an annotation file and its folder of pictures.
    """

    amass: Path | None = None
    egobody: Path | None = None
    bedlam: tuple[Path, Path] | None = None
    images: tuple[tuple[Path, Path], ...] = field(default=())


def motion_clips(folders: Folders, plan: Plan, split: str = "train") -> Mixture[BodyClip]:
    """Non-overlapping clips of motion.

    Raises:
        RecoverError: MISSING_PART, the data set is not given; BAD_INPUT, it cannot be used.
    """
    if folders.amass is None:
        raise _missing("amass")
    clips = [
        sequence.frames(*span)
        for sequence in read_amass(folders.amass, split)
        for span in spans(len(sequence), plan.frames)
    ]
    return Mixture([_some(clips, "amass", plan)], [1.0])


def tokenizer_poses(folders: Folders, plan: Plan) -> Mixture[BodyClip]:
    """Every tenth frame of the middle of all sequences; of the sources, those that are given."""
    sources: dict[str, Callable[[], list[BodyClip]]] = {}
    if folders.amass is not None:
        root = folders.amass
        sources["amass"] = lambda: list(read_amass(root, "tokenizer-train"))
    if folders.bedlam is not None:
        where = folders.bedlam
        sources["bedlam"] = lambda: [clip.body for clip in read_bedlam(*where)]
    if not sources:
        raise _missing("amass")
    sets = []
    for name, read in sources.items():
        poses = []
        for sequence in read():
            trim = int(_TOKENIZER_TRIM * len(sequence))
            poses += [sequence.frames(i, i + 1) for i in range(trim, len(sequence) - trim, _TOKENIZER_STEP)]
        sets.append(_some(poses, name, plan))
    shares = [plan.shares[name] for name in sources]
    return Mixture(sets, [share / sum(shares) for share in shares])


def picture_clips(folders: Folders, plan: Plan, bodies: Bodies) -> Mixture[PictureClip]:
    """Clips with pictures, in the stage's proportions; of its data sets, those that are given.

    Raises:
        RecoverError: MISSING_PART, none of them is given; BAD_INPUT, one cannot be used.
    """
    given = {"egobody": folders.egobody, "bedlam": folders.bedlam, "images": folders.images or None}
    names = [name for name in plan.shares if given[name] is not None]
    if not names:
        raise _missing(next(iter(plan.shares)))
    sets = [_some(_read(name, folders, plan, bodies), name, plan) for name in names]
    total = sum(plan.shares[name] for name in names)
    return Mixture(sets, [plan.shares[name] / total for name in names])


def _read(name: str, folders: Folders, plan: Plan, bodies: Bodies) -> list[PictureClip]:
    if name == "images":
        return [clip for pair in folders.images for clip in read_image_poses(*pair)]
    if name == "egobody":
        sequences = read_egobody(folders.egobody, bodies.bodies)
    else:
        sequences = read_bedlam(*folders.bedlam, moving=plan.frames == 1)
    clips: list[PictureClip] = []
    for sequence in sequences:
        if plan.frames == 1:
            places = [(i, i + 1) for i in range(0, len(sequence), _STILL_STEP[name])]
        else:
            places = list(spans(len(sequence), plan.frames, _BEDLAM_OVERLAP if name == "bedlam" else 0))
        found = [sequence.frames(*place) for place in places]
        if name == "bedlam" and found:
            size = _size(sequence)
            found = [clip for clip in found if well_seen(clip, bodies, size)]
        clips += found
    return clips


def _size(clip: PictureClip) -> tuple[int, int]:
    """Width and height of a clip's first picture, upright; without a picture nothing is out of it."""
    picture = cv2.imread(str(clip.pictures[0]), cv2.IMREAD_REDUCED_GRAYSCALE_8) if clip.pictures[0].is_file() else None
    if picture is None:
        return 2**30, 2**30
    height, width = (8 * side for side in picture.shape)
    return (height, width) if clip.clockwise else (width, height)


def _some(items: list, name: str, plan: Plan) -> list:
    if not items:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The data set {name} has no clip of {plan.frames} frames in which somebody is seen.",
            "Unpack more of it, or leave it out.",
        )
    return items


def _missing(name: str) -> RecoverError:
    return RecoverError(
        ErrorCode.MISSING_PART,
        f"This stage learns from {name}, and no folder of it is given.",
        f"Name the folder of your copy with --{name}.",
    )
