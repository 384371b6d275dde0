"""Every way in which a body file can be wrong is told in a sentence; a pickle is never loaded."""

from pathlib import Path

import numpy as np
import pytest

from inference_backend.body.body import Body
from inference_backend.body.open_body import OPEN_BODY
from inference_backend.protocol.errors import ErrorCode, RecoverError


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """A tiny but complete body."""
    with np.load(OPEN_BODY) as file:
        keep = slice(0, 60)
        return {
            "v_template": file["v_template"][keep],
            "f": np.array([[0, 1, 2]], dtype=np.uint32),
            "shapedirs": file["shapedirs"][keep],
            "J_regressor": np.full((55, 60), 1 / 60, dtype=np.float64),
            "kintree_table": file["kintree_table"],
            "weights": file["weights"][keep],
        }


def written(path: Path, arrays: dict[str, np.ndarray], **changes: np.ndarray | None) -> Path:
    np.savez(path, **{key: value for key, value in (arrays | changes).items() if value is not None})
    return path


def refusal(path: Path) -> str:
    with pytest.raises(RecoverError) as caught:
        Body.load(path)
    assert caught.value.code == ErrorCode.WRONG_BODY
    assert path.name in caught.value.sentence
    assert caught.value.remedy.startswith("Choose")
    return caught.value.sentence


def test_a_users_own_file_loads(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As SMPL-X's official file: 400 shape directions, parents as unsigned numbers, and objects that nobody needs."""
    table = np.array(arrays["kintree_table"])
    table[0, 0] = 2**32 - 1
    path = tmp_path / "körper '1'.npz"
    np.savez(
        path,
        **arrays
        | {
            "kintree_table": table.astype(np.uint32),
            "shapedirs": np.concatenate([arrays["shapedirs"][..., :10], np.ones((60, 3, 390))], axis=2),
            "part2num": np.array({"left": 1}, dtype=object),
        },
    )
    body = Body.load(path)
    assert body.name == "körper '1'"
    assert body.shapedirs.shape == (60, 3, 10)
    assert body.posedirs is None
    assert body.points == {}


@pytest.mark.parametrize("missing", ["v_template", "f", "shapedirs", "J_regressor", "kintree_table", "weights"])
def test_missing_array(tmp_path: Path, arrays: dict[str, np.ndarray], missing: str) -> None:
    assert f"has no array {missing}" in refusal(written(tmp_path / "body.npz", arrays, **{missing: None}))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"J_regressor": np.ones((24, 60))}, "J_regressor of shape (24, 60)"),
        ({"J_regressor": np.array({"sparse": 1}, dtype=object)}, "J_regressor as a pickled object"),
        ({"weights": np.ones((60, 55), dtype=np.float32)}, "do not sum to 1"),
        ({"weights": np.ones((60, 24), dtype=np.float32)}, "weights of shape (60, 24)"),
        ({"shapedirs": np.ones((60, 3, 8))}, "shapedirs of shape (60, 3, 8)"),
        ({"v_template": np.full((60, 3), np.nan)}, "not finite"),
        ({"v_template": np.array(["a"] * 60)}, "no numbers of the right kind"),
        ({"f": np.array([[0, 1, 60]])}, "triangles that do not fit"),
        ({"kintree_table": np.zeros((2, 55), dtype=np.int64)}, "another skeleton"),
        ({"kintree_table": np.zeros((2, 24), dtype=np.int64)}, "another skeleton"),
        ({"posedirs": np.zeros((60, 3, 207))}, "posedirs of shape (60, 3, 207)"),
        ({"point_names": np.array(["nose"]), "point_indices": np.array([99])}, "points that it does not have"),
        ({"point_names": np.array(["nose", "chin"]), "point_indices": np.array([9])}, "damaged"),
    ],
)
def test_wrong_array(
    tmp_path: Path, arrays: dict[str, np.ndarray], change: dict[str, np.ndarray], sentence: str
) -> None:
    assert sentence in refusal(written(tmp_path / "body.npz", arrays, **change))


def test_gone_empty_truncated_or_something_else(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    assert "does not exist" in refusal(tmp_path / "gone.npz")
    empty = tmp_path / "empty.npz"
    empty.touch()
    assert "damaged" in refusal(empty)
    whole = written(tmp_path / "whole.npz", arrays).read_bytes()
    for length in (100, len(whole) // 2, len(whole) - 30):
        half = tmp_path / "half.npz"
        half.write_bytes(whole[:length])
        assert "damaged" in refusal(half)
    video = tmp_path / "video.npz"
    video.write_bytes(b"\x00\x00\x00\x18ftypmp42" * 100)
    told = refusal(video)
    assert "damaged" in told
    assert "pickle" not in told
    np.save(tmp_path / "one.npy", np.zeros(3))
    assert "one array" in refusal((tmp_path / "one.npy").rename(tmp_path / "one.npz"))


def test_flipped_bytes_are_noticed(tmp_path: Path) -> None:
    data = bytearray(OPEN_BODY.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 64] = bytes(64)
    path = tmp_path / "flipped.npz"
    path.write_bytes(data)
    assert "damaged" in refusal(path)
