"""`to_smplx`: a result with the names that other programs expect of SMPL-X motion."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.result_format import PersonResult, Result, load_result
from ..records.store import write_npz


def convert(result_path: Path, out: Path) -> list[Path]:
    """Write the cleaned motion of each person under SMPL-X's usual names.

    Args:
        result_path: a `result.npz`.
        out: the file to write; with several people, one file each, with `_p{id}` added to its name.

    Returns:
        The files that were written.

    Raises:
        RecoverError: `BAD_INPUT` when the result cannot be used, `BAD_OUTPUT` when a file cannot be written.
    """
    result = load_result(result_path)
    written = []
    for person in result.people:
        path = out if len(result.people) == 1 else out.with_name(f"{out.stem}_p{person.person_id}{out.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_npz(path, smplx_arrays(result, person), compress=True)
        except OSError as error:
            raise RecoverError(
                ErrorCode.BAD_OUTPUT,
                f'"{path}" cannot be written ({error.strerror}).',
                "Choose another place, or make room on the disk.",
            ) from error
        written.append(path)
    return written


def smplx_arrays(result: Result, person: PersonResult) -> dict[str, NDArray]:
    """A person's motion as the arguments of `smplx.create(..., use_pca=False)` and in the layout of AMASS.

    N is the number of frames in which the person is known; `time_s` and `frame_index` say which.

    Returns:
        `betas [10]`; `global_orient [N,3]`, `body_pose [N,63]`, `left_hand_pose [N,45]`, `right_hand_pose [N,45]`,
        `jaw_pose`, `leye_pose`, `reye_pose [N,3]`, `expression [N,10]`, `transl [N,3]`; `poses [N,165]` (all rotations
        in SMPL-X's order), `trans [N,3]`, `gender`, `mocap_frame_rate`. World: metres, y up.
    """
    rows = np.flatnonzero(person.valid)
    none = np.zeros((len(rows), 3))
    hands = {side: getattr(person, f"{side}_hand_pose")[rows].reshape(len(rows), -1) for side in ("left", "right")}
    orient, pose = person.motion.global_orient[rows], person.motion.body_pose[rows].reshape(len(rows), -1)
    transl = person.motion.transl[rows]
    return {
        "betas": person.betas,
        "global_orient": orient,
        "body_pose": pose,
        "left_hand_pose": hands["left"],
        "right_hand_pose": hands["right"],
        "jaw_pose": none,
        "leye_pose": none,
        "reye_pose": none,
        "expression": np.zeros((len(rows), 10)),
        "transl": transl,
        "poses": np.concatenate([orient, pose, none, none, none, hands["left"], hands["right"]], axis=1),
        "trans": transl,
        "gender": np.array("neutral"),
        "mocap_frame_rate": np.array(result.fps),
        "time_s": result.time_s[rows],
        "frame_index": result.frame_index[rows],
        "body_name": np.array(result.body_name),
    }
