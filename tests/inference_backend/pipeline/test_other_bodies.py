"""Which body an estimator runs on, and that its motion comes back on the body asked for."""

import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference_backend.body.body import Body
from inference_backend.body.open_body import OPEN_BODY
from inference_backend.pipeline.bodies import body_to_run_on
from inference_backend.pipeline.cache import StageCache
from inference_backend.pipeline.progress import JobProgress
from inference_backend.pipeline.recover import Job, recover
from inference_backend.pipeline.settings import RecoverSettings
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.result_format import load_result
from inference_backend.stages.estimate import registry
from inference_backend.stages.estimate.trained_body import TrainedBody

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))
from synthetic_stages import SyntheticStages


@pytest.fixture(scope="module")
def tall(tmp_path_factory):
    """A file of another body: the open one, a tenth taller."""
    path = tmp_path_factory.mktemp("bodies") / "TALL.npz"
    with np.load(OPEN_BODY, allow_pickle=False) as file:
        arrays = dict(file)
    arrays["v_template"] = arrays["v_template"] * np.float32(1.1)
    np.savez(path, **arrays)
    return path


def test_the_body_asked_for_is_used_where_the_weights_know_it(tall):
    body = Body.load(tall)
    assert body_to_run_on(None, body, None) is body
    assert body_to_run_on(TrainedBody("TALL", body.sha256), body, None) is body
    assert body_to_run_on(TrainedBody("any of that size", vertices=len(body.v_template)), body, None) is body


def test_else_the_weights_own_body_is(tall):
    open_body, other = Body.load(), Body.load(tall)
    assert body_to_run_on(TrainedBody("SMPLX_OPEN", open_body.sha256), other, None).sha256 == open_body.sha256
    assert body_to_run_on(TrainedBody("TALL", other.sha256), open_body, str(tall)).sha256 == other.sha256


@pytest.mark.parametrize("given", [True, False])
def test_a_body_that_nobody_named_gets_a_sentence(tall, given):
    with pytest.raises(RecoverError) as caught:
        body_to_run_on(TrainedBody("SMPLX_NEUTRAL", vertices=10475), Body.load(), str(tall) if given else None)
    assert caught.value.code is ErrorCode.WRONG_BODY
    assert "SMPLX_NEUTRAL" in caught.value.sentence
    assert ("TALL.npz" in caught.value.sentence) == given
    assert "--estimator-body" in caught.value.remedy


def test_the_result_is_on_the_body_asked_for_and_says_so(tall, tmp_path, monkeypatch):
    own = Body.load()
    learned = replace(
        registry.find_estimator("kinematic"), trained_body=lambda _: TrainedBody("SMPLX_OPEN", own.sha256)
    )
    monkeypatch.setitem(registry.ESTIMATORS, "kinematic", learned)
    (tmp_path / "clip.mp4").write_bytes(b"anything: the stages are synthetic")
    cache, said = StageCache(tmp_path / "cache"), []

    def run(body):
        job = Job(tmp_path / "clip.mp4", tmp_path / "out", RecoverSettings(body=body))
        stages = SyntheticStages(tmp_path)
        progress = JobProgress("job", lambda message: said.append((message.stage, message.reused)))
        done = recover(job, cache, progress, threading.Event(), lambda _: None, stages)
        return load_result(done.result), done.notes

    plain, notes = run(None)
    assert not any(stage == "convert" for stage, _ in said)
    result, notes = run(str(tall))
    assert [note for note in notes if "SMPLX_OPEN" in note and "TALL" in note]
    assert [stage for stage in result.stages_ran if stage not in plain.stages_ran] == ["convert"]
    assert (result.body_name, plain.body_name) == ("TALL", "SMPLX_OPEN")
    assert (tmp_path / "journal").read_text().count("estimate done") == 2  # two people, once each
    off = np.linalg.norm(result.people[0].motion.joints_world - plain.people[0].motion.joints_world, axis=-1)
    assert off[plain.people[0].valid].mean() < 0.02
    assert ("convert", False) in said
    said.clear()
    run(str(tall))
    assert ("convert", True) in said
