import numpy as np
import pytest

from inference_backend.stages.people.pose import Pose, distance
from inference_backend.stages.people.view import VIEW_SIDE, View, turned_view_of, view_of, whole_view


def test_height_does_not_depend_on_posture_or_place(figures):
    standing = figures.pose()
    # The figure's landmarks cover exactly its template, in which a body height is 1.
    assert standing.height == pytest.approx(400, rel=1e-4)
    assert figures.pose(x=100, roll=1.2).height == pytest.approx(400, rel=1e-4)
    assert figures.pose(height=120).height == pytest.approx(120, rel=1e-4)


@pytest.mark.parametrize("roll", [0.0, 0.7, -1.5, 3.0])
def test_turn_is_the_angle_of_the_torso(figures, roll):
    assert figures.pose(roll=roll).turn == pytest.approx(roll, abs=1e-5)


def test_distance_is_in_body_heights(figures):
    assert distance(figures.pose(x=300), figures.pose(x=340)) == pytest.approx(0.1, rel=1e-4)


def test_support_is_the_share_of_landmarks_on_the_silhouette(figures):
    pose = figures.pose()
    pose.silhouette[:] = 0
    left_of_the_hips = 30  # of 64 columns over 640 pixels
    pose.silhouette[:, :left_of_the_hips] = 1
    assert pose.support == pytest.approx(0.5)


def test_the_mask_shows_the_silhouette_inside_the_box(figures):
    pose = figures.pose()
    x0, y0, x1, y1 = pose.box
    # A silhouette that fills the lower left quarter of the box.
    rows, columns = np.mgrid[0:56, 0:64] * 10 + 5
    pose.silhouette[:] = (columns < (x0 + x1) / 2) & (rows > (y0 + y1) / 2)
    mask = np.unpackbits(pose.packed_mask(), axis=1)
    assert mask.shape == (64, 48)
    assert mask[40:, :20].mean() == 1
    assert mask[:24].mean() == 0
    assert mask[:, 28:].mean() == 0


def test_a_pose_without_a_silhouette_has_an_empty_mask(figures):
    assert not figures.pose(silhouette=False).packed_mask().any()


def test_a_view_and_the_picture_agree_about_places():
    picture = np.zeros((900, 1600, 3), np.uint8)
    picture[433:437, 1098:1102] = 255
    view = View(700, 100, 800, 700)
    part = view.cut(picture)
    assert max(part.shape) == VIEW_SIDE
    row, column = (values.mean() + 0.5 for values in np.nonzero(part[..., 0] > 60))
    share = np.float32([column / part.shape[1], row / part.shape[0]])
    np.testing.assert_allclose(view.to_picture(share), (1100, 435), atol=0.7)


def test_outside_of_what_is_kept_all_is_black():
    picture = np.full((200, 300, 3), 200, np.uint8)
    part = View(50, 0, 200, 200).cut(picture, np.float32([100, 40, 150, 400]))
    assert (part[41:, 51:99] == 200).all()
    assert not part[:40].any()
    assert not part[:, :50].any()
    assert not part[:, 101:].any()


def test_maps_are_carried_from_one_view_to_another():
    view, other = View(100, 0, 200, 200), View(0, 50, 400, 100)
    map_ = np.zeros((20, 20), np.float32)
    map_[10:, :10] = 1  # x 100..200, y 100..200 of the picture
    carried = view.paste(map_, other, (40, 10))  # 10 pixels of the picture a pixel
    assert carried[6:, 11:19].min() > 0.99
    assert carried[:4].max() == 0
    assert carried[:, :9].max() == 0
    assert carried[:, 21:].max() == 0


def test_a_view_leaves_room_and_stays_in_the_picture(figures):
    size = (1920, 1080)
    small = np.float32([1800, 900, 1850, 1050])
    view = view_of(small, 150, size)
    assert view.x >= 0
    assert view.x + view.width <= 1920
    assert view.y + view.height <= 1080
    assert view.suits(small, 150, size)
    assert not whole_view(size).suits(small, 150, size)  # tiny in the whole picture
    assert not view.suits(small - 300, 150, size)  # gone out of it
    assert view_of(np.float32([300, 50, 800, 1000]), 950, size) == whole_view(size)


@pytest.mark.parametrize("turn", [0.0, 0.6, -2.5])
def test_a_turned_view_leads_back_to_the_picture(turn):
    view = View(100, 50, 300, 300, turn)
    points = np.float32([[150, 80], [250, 200], [330, 300]])
    np.testing.assert_allclose(view.to_picture(view.from_picture(points)), points, atol=1e-3)
    picture = np.zeros((400, 600, 3), np.uint8)
    picture[196:205, 286:295] = 255
    part = view.cut(picture)
    row, column = (part[..., 0].astype(float) * axis for axis in np.mgrid[: part.shape[0], : part.shape[1]])
    spot = np.float32([column.sum(), row.sum()]) / part[..., 0].sum() + 0.5
    found = view.to_picture(spot / (part.shape[1], part.shape[0]))
    np.testing.assert_allclose(found, [290.5, 200.5], atol=1.0)


def test_who_leans_stands_upright_in_a_turned_view():
    turn = np.radians(50)
    leaning = np.float32([[300, 300], [300 + 100 * np.sin(turn), 300 - 100 * np.cos(turn)]])  # hips, shoulders
    box = np.concatenate([leaning.min(0), leaning.max(0)])
    view = turned_view_of(box, 200, turn)
    hips, shoulders = view.from_picture(leaning)
    assert shoulders[0] == pytest.approx(hips[0], abs=1e-3)
    assert shoulders[1] < hips[1]
    # What points up in the view points along the trunk in the picture, and depth stays depth.
    x, y, z = view.to_picture_axes(np.float32([0, -1, 0.3]))
    np.testing.assert_allclose([x, y, z], [np.sin(turn), -np.cos(turn), 0.3], atol=1e-6)
    assert view.suits(box, 200, (600, 600))
    assert not view.suits(box + np.float32([200, 0, 200, 0]), 200, (600, 600))


@pytest.mark.parametrize("turn", [0.0, 1.0])
def test_the_silhouette_of_a_turned_view_lies_over_the_person(turn):
    view = View(50, 50, 200, 200, turn)
    yy, xx = np.mgrid[:300, :300]
    disc = (np.hypot(xx - 170, yy - 120) < 30).astype(np.uint8)[..., None].repeat(3, 2) * 255
    silhouette = view.cut(disc)[..., 0].astype(np.float32) / 255
    whole = View(0, 0, 300, 300)
    shown = view.paste(silhouette, whole, (300, 300))
    assert np.abs(shown - disc[..., 0] / 255).mean() < 0.01
    keypoints = np.resize(np.float32([[137, 87], [203, 153]]), (33, 2))
    pose = Pose(keypoints, np.ones(33, np.float32), np.zeros((33, 3), np.float32), view, silhouette)
    mask = np.unpackbits(pose.packed_mask(), axis=1)
    rows, columns = np.mgrid[:64, :48]
    low, high = pose.box[:2], pose.box[2:]
    x = low[0] + (columns + 0.5) / 48 * (high[0] - low[0])
    y = low[1] + (rows + 0.5) / 64 * (high[1] - low[1])
    assert (mask == (np.hypot(x - 170, y - 120) < 30)).mean() > 0.96
