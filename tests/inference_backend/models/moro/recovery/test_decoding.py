"""Iterative decoding: the default path against the plain reading, seeding, batches, long clips, precision."""

import math
from itertools import pairwise

import pytest
import torch

from inference_backend.models.moro.evidence.window import WindowEvidence
from inference_backend.models.moro.motion.dst_former import ImageFeatures, InitialEstimate
from inference_backend.models.moro.recovery.decoding import (
    decode_tokens,
    least_certain,
    masked_counts,
    most_likely,
    step_count,
)
from inference_backend.models.moro.recovery.guide import Guide
from inference_backend.models.moro.recovery.recover_clip import recover_clip
from inference_backend.models.moro.recovery.windows import kept_spans, window_spans

MASK = 32


def features(model, frames, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(
        batch, frames, model.config.evidence_tokens, model.config.evidence_channels, generator=generator
    )
    box = torch.randn(batch, frames, 3, generator=generator) * 0.1 + torch.tensor([0.0, 0.0, 0.6])
    with torch.no_grad():
        return model.dst_former.encode_image(tokens, None, box)


class Memory:
    """Evidence held in memory."""

    def __init__(self, model, frames, seed=0):
        generator = torch.Generator().manual_seed(seed)
        shape = (frames, model.config.evidence_tokens, model.config.evidence_channels)
        self.tokens = torch.randn(shape, generator=generator)
        self.box = torch.randn(frames, 3, generator=generator) * 0.1 + torch.tensor([0.0, 0.0, 0.6])

    def __len__(self):
        return len(self.box)

    def window(self, start, stop):
        return WindowEvidence(self.tokens[start:stop], None, self.box[start:stop], torch.eye(3))


@pytest.mark.parametrize("frames", [1, 2, 7, 150])
@pytest.mark.parametrize("network", ["image_network", "landmark_network"])
def test_default_path_equals_the_plain_reading(network, frames, request, near):
    model = request.getfixturevalue(network)
    image = features(model, frames)
    plain, fast = (decode_tokens(model, image, reference=reference) for reference in (True, False))
    assert torch.equal(plain.ids, fast.ids)
    for a, b in zip(plain[1:], fast[1:], strict=True):
        near(b, a)


def test_cached_projections_change_nothing(landmark_network, near, monkeypatch):
    from inference_backend.models.moro.recovery import decoding

    image = features(landmark_network, 9)
    cached = decode_tokens(landmark_network, image)
    monkeypatch.setattr(decoding, "_CACHE_BYTES_ELSEWHERE", 0)
    again = decode_tokens(landmark_network, image)
    assert torch.equal(cached.ids, again.ids)
    near(cached.rotation, again.rotation)


def test_single_layer_decoder(make_small_network, near):
    model = make_small_network(backbone=False, decoder_depth=1)
    image = features(model, 5)
    plain, fast = (decode_tokens(model, image, reference=reference) for reference in (True, False))
    assert torch.equal(plain.ids, fast.ids)
    near(plain.translation, fast.translation)


@pytest.mark.parametrize("steps", [1, 5, 10, 20])
def test_each_step_masks_what_the_schedule_says(landmark_network, steps):
    trace = []
    found = decode_tokens(landmark_network, features(landmark_network, 6), steps=steps, trace=trace)
    assert [int((step.ids_in == MASK).sum()) for step in trace] == masked_counts(steps, 6 * 12)
    assert found.ids.min() >= 0
    assert found.ids.max() < MASK
    for before, after in pairwise(trace):
        kept = after.ids_in != MASK
        known = kept & (before.ids_in != MASK)
        assert torch.equal(after.ids_in[known], before.ids_in[known]), "what is settled stays"
        best, probability = most_likely(before.decoded.logits)
        filled = before.ids_in == MASK
        assert torch.equal(after.ids_in[kept & filled], best[kept & filled])
        if (filled & ~kept).any() and (filled & kept).any():
            assert probability[filled & ~kept].max() <= probability[filled & kept].min()


def test_known_tokens_are_kept(landmark_network):
    image = features(landmark_network, 8)
    known = torch.full((1, 8, 12), MASK)
    known[:, 2:5, ::2] = torch.arange(6)
    trace = []
    found = decode_tokens(landmark_network, image, steps=10, known_ids=known, trace=trace)
    given = known != MASK
    assert torch.equal(found.ids[given], known[given])
    assert (found.confidence[given] == 1).all()
    assert len(trace) == step_count(10, int((~given).sum()), 96)
    assert (trace[0].ids_in[~given] == MASK).all()
    free = decode_tokens(landmark_network, image, steps=10)
    assert not torch.equal(free.ids[given], known[given])


def test_everything_known_leaves_everything(landmark_network):
    known = torch.randint(0, MASK, (1, 4, 12), generator=torch.Generator().manual_seed(0))
    found = decode_tokens(landmark_network, features(landmark_network, 4), known_ids=known)
    assert torch.equal(found.ids, known)
    assert torch.isfinite(found.translation).all()


def test_clips_in_a_batch_do_not_mix(landmark_network, near):
    both = features(landmark_network, 10, batch=2)
    together = decode_tokens(landmark_network, both)
    for i in range(2):
        guess = InitialEstimate(both.guess.box[i : i + 1])
        alone = decode_tokens(landmark_network, ImageFeatures(*(x[i : i + 1] for x in both[:4]), guess))
        assert torch.equal(together.ids[i : i + 1], alone.ids)
        near(together.rotation[i : i + 1], alone.rotation)


def test_ties_go_to_the_first():
    scores = torch.zeros(2, 2, 3)
    scores[1, 0, 0] = 1
    assert least_certain(scores, 2).flatten(1).int().tolist() == [[1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0]]


def test_steps_for_partly_known_clips():
    assert [step_count(5, n, 100) for n in (100, 50, 29, 1, 0)] == [5, 2, 1, 1, 1]


@pytest.mark.parametrize("frames", [1, 5, 24, 25, 40, 41, 77])
def test_long_clips_are_cut_in_the_middle_of_overlaps(landmark_network, frames, near):
    model = landmark_network
    source = Memory(model, frames)
    done = []
    found = recover_clip(model, source, progress=done.append)
    assert found.codes.shape == (frames, 12, 5)
    assert done[-1] == frames
    windows = window_spans(frames, 24, 8)
    for (start, stop), (first, last) in zip(windows, kept_spans(windows, 8), strict=True):
        evidence = source.window(start, stop)
        with torch.no_grad():
            image = model.dst_former.encode_image(evidence.tokens[None], None, evidence.box[None])
            alone = decode_tokens(model, image)
            codes = model.smoother(model.codes(alone.ids))
        keep = slice(first - start, last - start)
        assert torch.equal(found.ids[first:last], alone.ids[0, keep])
        near(found.codes[first:last], codes[0, keep])
        near(found.translation[first:last], alone.translation[0, keep, 0])


def test_windows_in_a_batch_change_nothing(landmark_network, near):
    source = Memory(landmark_network, 77)
    one, several = (recover_clip(landmark_network, source, windows_at_once=n) for n in (1, 3))
    assert torch.equal(one.ids, several.ids)
    near(one.codes, several.codes)
    near(one.rotation, several.rotation)


def test_known_tokens_of_a_long_clip(landmark_network):
    source = Memory(landmark_network, 50)
    known = torch.full((50, 12), MASK)
    known[30:34] = torch.arange(12)
    found = recover_clip(landmark_network, source, known_ids=known, windows_at_once=4)
    assert torch.equal(found.ids[30:34], known[30:34])


def test_windows_cover_every_frame_once():
    for frames in range(1, 200):
        windows = window_spans(frames, 24, 8)
        kept = kept_spans(windows, 8)
        assert [f for a, b in kept for f in range(a, b)] == list(range(frames))


def test_overlap_must_be_shorter_than_the_window():
    with pytest.raises(ValueError, match="overlap"):
        window_spans(10, 8, 8)


def test_box_frame_is_turned_back_to_the_camera(landmark_network, near):
    import roma

    source = Memory(landmark_network, 6)
    straight = recover_clip(landmark_network, source)
    turn = roma.random_rotmat()
    aside = source.window
    source.window = lambda a, b: aside(a, b)._replace(to_camera=turn)
    found = recover_clip(landmark_network, source)
    near(found.rotation, turn @ straight.rotation)
    near(found.translation, straight.translation @ turn.T)


@pytest.mark.parametrize(("dtype", "equal"), [(torch.bfloat16, 0.9), (torch.float16, 0.97)])
def test_sixteen_bits_stay_close(make_small_network, dtype, equal):
    """On weights whose logits are about as decided as trained ones, ids rarely change and meshes hardly."""
    model = make_small_network(backbone=False)
    model.dst_former.d_pose_regressor.weight.mul_(4)
    image = features(model, 30)
    exact = decode_tokens(model, image)
    model.set_precision(dtype)
    coarse = decode_tokens(model, image)
    assert (exact.ids == coarse.ids).float().mean() > equal
    moved = (exact.translation - coarse.translation).norm(dim=-1).mean()
    assert moved < 0.02 * exact.translation.norm(dim=-1).mean()
    turn = (exact.rotation.mT @ coarse.rotation).diagonal(dim1=-2, dim2=-1).sum(-1)
    assert turn.min() > 1 + 2 * math.cos(math.radians(5))


def test_bfloat16_backbone_stays_close(make_small_network):
    model = make_small_network()
    crops = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        exact = model.evidence_tokens(crops)
        model.set_precision(torch.bfloat16)
        coarse = model.evidence_tokens(crops)
    assert (exact - coarse).abs().mean() < 0.02 * exact.abs().mean()
    assert not torch.equal(exact, coarse.float())


def test_seeds_are_known_at_first_and_then_compete(landmark_network):
    """Seeds of no certainty are masked again, certain ones stay; plain known tokens always stay."""
    image, mask_id = features(landmark_network, 4), landmark_network.config.mask_id
    n_tokens = landmark_network.config.tokenizer.tokens
    generator = torch.Generator().manual_seed(0)
    seeds = torch.randint(0, landmark_network.config.tokenizer.codes, (1, 4, n_tokens), generator=generator)
    seeds[:, ::2] = mask_id
    there = seeds != mask_id
    for sure, stay in ((1.0, True), (0.0, False)):
        trace = []
        scores = torch.full(seeds.shape, sure)
        found = decode_tokens(landmark_network, image, 10, seeds, trace=trace, known_scores=scores)
        assert (trace[0].ids_in == seeds).all()
        assert (trace[1].ids_in == seeds)[there].all() == stay
        assert (found.ids != mask_id).all()
        assert ((found.confidence == 1)[there].all()) == stay


def test_seeds_everywhere_still_compete(landmark_network):
    shape = (1, 3, landmark_network.config.tokenizer.tokens)
    found = decode_tokens(
        landmark_network, features(landmark_network, 3), 5, torch.zeros(shape, dtype=torch.int64),
        known_scores=torch.full(shape, 0.5),
    )  # fmt: skip
    assert (found.confidence == 0.5).float().mean() > 0.9


def test_a_guide_moves_the_coarse_path_in_the_cameras_frame(landmark_network):
    source = Memory(landmark_network, 30)
    asked = []

    def coarse(frames, path):
        asked.append((frames, path))
        return path + torch.tensor([0.0, 0.0, 1.0])

    plain = recover_clip(landmark_network, source)
    moved = recover_clip(landmark_network, source, guide=Guide(coarse=coarse))
    assert [frames.start for frames, _ in asked] == sorted({frames.start for frames, _ in asked})
    assert max(frames.stop for frames, _ in asked) == 30
    assert not torch.equal(plain.translation, moved.translation)
    same = recover_clip(landmark_network, source, guide=Guide(coarse=lambda _frames, path: path))
    torch.testing.assert_close(same.translation, plain.translation, atol=1e-4, rtol=1e-4)
