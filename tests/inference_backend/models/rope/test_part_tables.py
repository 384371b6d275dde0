import json
from itertools import pairwise

import pytest
import torch

from inference_backend.models.rope.parts import (
    LEVELS,
    PART_JOINTS,
    TABLES_FILE,
    face_labels,
    part_levels,
    vertex_labels,
)
from inference_backend.protocol.skeleton import BODY_JOINTS


def test_the_levels_have_the_paper_s_counts_and_our_tables():
    levels = part_levels()
    assert [len(levels[name]) for name in LEVELS] == [24, 11, 6, 1]
    assert levels["inter"].of_joint == (0, 7, 8, 0, 7, 8, 1, 9, 10, 1, 9, 10, 2, 1, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6)
    assert levels["fulco"].of_joint == (0, 4, 5, 0, 4, 5, 0, 4, 5, 0, 4, 5, 1, 0, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3)


def test_every_part_lies_inside_one_part_of_the_next_level():
    levels = part_levels()
    for fine, coarse in pairwise(LEVELS):
        pairs = set(zip(levels[fine].of_joint, levels[coarse].of_joint, strict=True))
        assert len(pairs) == len(levels[fine])


def test_mirror_swaps_sides_and_undoes_itself():
    for level in part_levels().values():
        assert [level.mirror[m] for m in level.mirror] == list(range(len(level)))
    inter = part_levels()["inter"]
    assert inter.parts[inter.mirror[inter.parts.index("left_foot")]] == "right_foot"
    assert inter.mirror[inter.parts.index("head")] == inter.parts.index("head")


@pytest.mark.parametrize("change", ["twice", "missing", "split"])
def test_tables_that_make_no_sense_are_refused(tmp_path, change):
    tables = json.loads(TABLES_FILE.read_text())
    if change == "twice":
        tables["inter"]["head"].append("pelvis")
    elif change == "missing":
        tables["fulco"]["head"].remove("neck")
    else:
        tables["fulco"]["torso"].remove("spine2")
        tables["fulco"]["head"].append("spine2")
    path = tmp_path / "tables.json"
    path.write_text(json.dumps(tables))
    with pytest.raises(ValueError, match={"twice": "pelvis", "missing": "neck", "split": "upper_torso"}[change]):
        part_levels(path)


def test_labels_lie_where_their_joints_are(body):
    labels = vertex_labels(body)
    assert set(labels.tolist()) == set(range(24))
    middles = torch.stack([body.v_template[labels == j].mean(0) for j in range(24)])
    left = [j for j, name in enumerate(PART_JOINTS) if name.startswith("left")]
    assert (middles[left, 0] > 0).all(), "the body's left is +x"
    # Skin that a joint moves lies on the far side of it, but within a limb's length.
    assert ((middles[:22] - body.J_template[:22]).norm(dim=1) < 0.3).all()
    nose, finger = body.points["nose"], body.points["left_index_tip"]
    assert labels[nose] == BODY_JOINTS.index("head")
    assert PART_JOINTS[labels[finger]] == "left_fingers"


def test_face_takes_the_majority_or_its_lowest_vertex():
    labels = torch.tensor([5, 7, 7, 9])
    faces = torch.tensor([[0, 1, 2], [2, 0, 1], [3, 1, 0], [3, 2, 1]])
    assert face_labels(labels, faces).tolist() == [7, 7, 5, 7]
