import numpy as np
import pytest
from recover_motion.addon.core.root_split import split_root

from tests.addon.synthetic_result import rotation, rotation_vector

FPS = 30.0


def orient(heading, lean):
    """Axis-angle of a trunk that faces `heading` about y and leans forward by `lean`, both `[T]`."""
    zero = np.zeros_like(heading)
    yaw = rotation(np.stack([zero, heading, zero], axis=-1))
    return rotation_vector(yaw @ rotation(np.stack([lean, zero, zero], axis=-1)))


def headings(heading, lean, **options):
    time = np.arange(len(heading)) / FPS
    return split_root(orient(heading, lean), np.zeros((len(heading), 3)), time, **options).heading


def test_position_is_the_floor_under_the_pelvis(rng):
    pelvis = rng.normal(size=(5, 3))
    root = split_root(np.zeros((5, 3)), pelvis, np.arange(5) / FPS, floor_y=0.25)
    np.testing.assert_array_equal(root.position[:, [0, 2]], pelvis[:, [0, 2]])
    np.testing.assert_array_equal(root.position[:, 1], 0.25)


def test_heading_is_unwrapped_over_three_turns():
    turn = np.linspace(0.1, 0.1 + 6 * np.pi, 300)
    np.testing.assert_allclose(headings(turn, np.full(300, 0.3)), turn, atol=1e-9)


def test_bowing_past_horizontal_does_not_jump_the_heading():
    lean = np.radians(110) * np.sin(np.linspace(0, np.pi, 120))
    np.testing.assert_allclose(headings(np.full(120, 0.7), lean), 0.7, atol=1e-9)


def test_heading_is_held_while_rolling_on_the_floor_then_eases_to_where_the_person_got_up():
    count = 300
    lean = np.interp(np.arange(count), [0, 60, 90, 210, 240, 300], [0, 0, 1.55, 1.55, 0, 0])
    turn = np.interp(np.arange(count), [0, 100, 200, 300], [0.5, 0.5, 2.0, 2.0])
    found = headings(turn, lean)
    np.testing.assert_allclose(found[:200], 0.5, atol=1e-6)
    np.testing.assert_allclose(found[240:], 2.0, atol=1e-6)
    assert np.abs(np.diff(found)).max() < 1.5 * 1.5 / (0.5 * FPS) + 1e-6  # smoothstep over half a second


def test_somersault_keeps_the_heading():
    lean = np.linspace(0, 2 * np.pi, 90)
    found = headings(np.full(90, -1.0), lean)
    np.testing.assert_allclose(found, -1.0, atol=1e-6)


def test_lying_from_the_first_to_the_last_frame():
    lean = np.full(40, np.radians(90))
    found = headings(np.linspace(0, 1, 40), lean)
    np.testing.assert_array_equal(found, found[0])


@pytest.mark.parametrize("count", [0, 1])
def test_shortest_clips(count):
    assert headings(np.full(count, 0.4), np.zeros(count)) == pytest.approx(np.full(count, 0.4))


def test_position_only_leaves_the_heading_to_the_pelvis():
    assert not headings(np.linspace(0, 3, 10), np.zeros(10), position_only=True).any()
