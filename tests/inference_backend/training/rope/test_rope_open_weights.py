"""The weights that come with the program fit its body, and are what the model card says."""

import hashlib

import torch

from inference_backend.body.body import Body
from inference_backend.evaluation.posed_subjects import posed_subject
from inference_backend.stages.estimate.rope.settings import RopeSettings
from inference_backend.stages.estimate.rope.weights import BUNDLED, load_for_body
from inference_backend.training.rope.bundle import LARGEST_MB


def test_they_load_for_the_open_body_and_find_somebody_upright():
    body = Body.load()
    model = load_for_body(RopeSettings(), body, "cpu")
    subject = posed_subject(body)
    said = model(subject.image[None], subject.box[None])
    joints, _ = body.skeleton(said.betas, said.rotations[:, 0], said.rotations[:, 1:], torch.zeros(1, 3))
    found = joints[0] - joints[0, :1]
    away = (found - torch.from_numpy(subject.truth - subject.truth[:1]).float()).norm(dim=-1)
    assert away.mean() < 0.25, "somebody in mid-stride in full view, about where they are"
    assert 0.5 < said.camera[0, 0] < 1.6
    assert (said.visibility.sigmoid() > 0.5).float().mean() > 0.7


def test_the_card_names_the_file():
    text = BUNDLED.with_suffix(".md").read_text(encoding="utf-8")
    assert hashlib.sha256(BUNDLED.read_bytes()).hexdigest() in text
    assert "mocap.cs.cmu.edu" in text
    assert BUNDLED.stat().st_size < LARGEST_MB * 1e6
