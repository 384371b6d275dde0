"""The two 6-D rotation layouts."""

import pytest
import roma
import torch

from inference_backend.geometry.rot6d import (
    matrix_from_rot6d_columns,
    matrix_from_rot6d_rows,
    rot6d_columns,
    rot6d_rows,
)

ROWS = (rot6d_rows, matrix_from_rot6d_rows)
COLUMNS = (rot6d_columns, matrix_from_rot6d_columns)


def test_layouts_by_hand():
    matrix = torch.arange(9.0).view(3, 3)
    assert rot6d_rows(matrix).tolist() == [0, 1, 2, 3, 4, 5]
    assert rot6d_columns(matrix).tolist() == [0, 3, 6, 1, 4, 7]


@pytest.mark.parametrize(("encode", "decode"), [ROWS, COLUMNS], ids=["rows", "columns"])
def test_round_trip(encode, decode):
    rotation = roma.random_rotmat(50).view(5, 10, 3, 3)
    torch.testing.assert_close(decode(encode(rotation)), rotation, atol=1e-5, rtol=0)
    stretched = encode(rotation) * 3.7
    torch.testing.assert_close(decode(stretched), rotation, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("encode", "decode"), [ROWS, COLUMNS], ids=["rows", "columns"])
def test_any_numbers_become_rotations(encode, decode):
    found = decode(torch.randn(100, 6))
    torch.testing.assert_close(found @ found.mT, torch.eye(3).expand_as(found), atol=1e-4, rtol=0)
    assert (torch.linalg.det(found) > 0.99).all()
    assert torch.isfinite(decode(torch.zeros(6))).all()


def test_mixing_the_layouts_transposes():
    rotation = roma.random_rotmat(4)
    torch.testing.assert_close(matrix_from_rot6d_columns(rot6d_rows(rotation)), rotation.mT, atol=1e-5, rtol=0)
