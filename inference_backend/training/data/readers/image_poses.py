"""Single images with SMPL-X neutral fits (Human3.6M, MPI-INF-3DHP, COCO, MPII as BEDLAM's authors fitted them).

NAME.npz    imgname, center, scale, pose `[N,66]` (root and body), shape `[N,10]`, gtkps `[N,44,3]` (OpenPose-25, then
            19 extra), and where they are known cam_int `[N,3,3]` and transl `[N,3]`. SMPL fits must be converted first.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .clip import BODY_NUMBERS, BodyClip, PictureClip, bad, column, no_lens, read_table


def read_image_poses(annotations: Path, images: Path) -> Iterator[PictureClip]:
    """Every image of an annotation file as a clip of one frame.

    Without an intrinsic matrix the focal length is the image's diagonal, and without a transl only pose and shape are
    known.

    Raises:
        RecoverError: BAD_INPUT, the file or a picture is not what it should be.
    """
    table = read_table(annotations)
    names = column(table, "imgname", annotations, (None,)).astype(str)
    n = len(names)
    poses = column(table, "pose", annotations, (n, BODY_NUMBERS)).astype(np.float32).reshape(-1, 22, 3)
    betas = column(table, "shape", annotations, (n, 10)).astype(np.float32)
    center = column(table, "center", annotations, (n, 2)).astype(np.float32)
    scale = column(table, "scale", annotations, (n,)).astype(np.float32)
    keypoints = column(table, "gtkps", annotations, (n, 44, 3)).astype(np.float32)
    K = column(table, "cam_int", annotations, (n, 3, 3)).astype(np.float32) if "cam_int" in table else None
    transl = column(table, "transl", annotations, (n, 3)).astype(np.float32) if "transl" in table else None
    usable = np.isfinite(poses).all((1, 2)) & np.isfinite(betas).all(1) & np.isfinite(center).all(1) & (scale > 0)
    for i in np.flatnonzero(usable):
        picture = images / names[i]
        yield PictureClip(
            BodyClip(
                f"{annotations.stem} {names[i]}",
                poses[i : i + 1],
                np.zeros((1, 3), np.float32) if transl is None else transl[i : i + 1],
                betas[i],
            ),
            (picture,),
            center[i : i + 1],
            scale[i : i + 1],
            (_assumed(picture) if K is None else K[i])[None],
            no_lens(),
            np.nan_to_num(keypoints[i : i + 1]),
            placed=transl is not None,
        )


def _assumed(picture: Path) -> NDArray[np.float32]:
    """Intrinsics of a camera whose focal length is the image's diagonal."""
    try:
        with Image.open(picture) as image:
            width, height = image.size
    except OSError as error:
        raise bad(picture, f"cannot be read as a picture ({error})") from error
    focal = float(np.hypot(width, height))
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float32)
