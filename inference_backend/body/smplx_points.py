"""Named surface points of SMPL-X's own topology, under the names that the open body uses.

The vertex numbers are those that SMPL-X's documentation of extra joints lists (face, toes, heels, finger tips).
"""

from typing import Final

SMPLX_VERTICES: Final = 10475
SMPLX_POINTS: Final[dict[str, int]] = {
    "nose": 9120,
    "left_eye": 9448,
    "right_eye": 9929,
    "left_ear": 6,
    "right_ear": 616,
    "left_thumb_tip": 5361,
    "left_index_tip": 4933,
    "left_middle_tip": 5058,
    "left_ring_tip": 5169,
    "left_pinky_tip": 5286,
    "right_thumb_tip": 8079,
    "right_index_tip": 7669,
    "right_middle_tip": 7794,
    "right_ring_tip": 7905,
    "right_pinky_tip": 8022,
    "left_big_toe": 5770,
    "left_small_toe": 5780,
    "left_heel": 8846,
    "right_big_toe": 8463,
    "right_small_toe": 8474,
    "right_heel": 8635,
}
