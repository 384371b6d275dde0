"""The two 6-D rotation layouts in use, each with its own pair of functions.

Both keep two of the matrix's three axes and rebuild the third (Zhou et al., CVPR 2019). They differ in which two:
MoRo keeps ROWS, RopeTP keeps COLUMNS. Mixing them up transposes rotations without any error, hence no shared flag.
"""

import roma
from torch import Tensor

_EPS = 1e-12


def rot6d_rows(rotation: Tensor) -> Tensor:
    """MoRo's layout: row 0 then row 1 of the matrix.

    Args:
        rotation: `[...,3,3]`.

    Returns:
        `[...,6]` = (r00, r01, r02, r10, r11, r12).
    """
    return rotation[..., :2, :].flatten(-2)


def matrix_from_rot6d_rows(d6: Tensor) -> Tensor:
    """Inverse of `rot6d_rows` by Gram-Schmidt.

    Args:
        d6: `[...,6]`, any finite numbers.

    Returns:
        `[...,3,3]` rotations; where the two rows are zero or parallel the result is singular, but finite.
    """
    return roma.special_gramschmidt(d6.unflatten(-1, (2, 3)).mT, epsilon=_EPS).mT


def rot6d_columns(rotation: Tensor) -> Tensor:
    """RopeTP's layout: column 0 then column 1 of the matrix.

    Args:
        rotation: `[...,3,3]`.

    Returns:
        `[...,6]` = (r00, r10, r20, r01, r11, r21).
    """
    return rotation[..., :, :2].mT.flatten(-2)


def matrix_from_rot6d_columns(d6: Tensor) -> Tensor:
    """Inverse of `rot6d_columns` by Gram-Schmidt.

    Args:
        d6: `[...,6]`, any finite numbers.

    Returns:
        `[...,3,3]` rotations; where the two columns are zero or parallel the result is singular, but finite.
    """
    return roma.special_gramschmidt(d6.unflatten(-1, (2, 3)).mT, epsilon=_EPS)
