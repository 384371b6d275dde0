import threading

import numpy as np
import pytest
import torch

from inference_backend.pipeline.cache import StageCache
from inference_backend.pipeline.device import attempts, choose_device, is_out_of_memory
from inference_backend.pipeline.progress import JobProgress
from inference_backend.pipeline.stage_runner import StageRunner
from inference_backend.protocol.errors import Cancelled, ErrorCode, RecoverError


@pytest.fixture
def runner(tmp_path):
    made = []

    def make(device="cpu", folder=tmp_path / "cache"):
        cancelled, notes = threading.Event(), []
        made[:] = [cancelled]
        runner = StageRunner(StageCache(folder), device, JobProgress("a", lambda _m: None), cancelled, notes.append)
        return runner, cancelled, notes

    return make


def run(runner, work, **changes):
    arguments = {"inputs": ["v"], "settings": {}, **changes}
    return runner.run("people", 1, work, **arguments)


def test_a_finished_stage_is_not_run_again_and_its_notes_are_repeated(runner):
    ran = []

    def work(ctx):
        ran.append(ctx.device)
        ctx.note("a guess")
        return np.arange(3)

    first = run(runner()[0], work)
    again, _, notes = runner()
    second = run(again, work)
    assert ran == ["cpu"]
    assert notes == again.notes == ["a guess"]
    assert second.key == first.key
    np.testing.assert_array_equal(second.value, first.value)
    run(again, work, settings={"x": 1})
    assert len(ran) == 2
    assert again.notes == ["a guess"]


def test_cancelling_stops_between_batches_and_keeps_nothing_half_done(runner):
    first, cancelled, _ = runner()
    reached = []

    def work(ctx):
        for i in range(5):
            reached.append(i)
            if i == 2:
                cancelled.set()
            ctx.progress(i / 5, i)
        return 1

    with pytest.raises(Cancelled):
        run(first, work)
    assert reached == [0, 1, 2]
    second, *_ = runner()
    assert run(second, lambda _ctx: 2).value == 2
    cancelled_at_once, cancelled, _ = runner()
    cancelled.set()
    with pytest.raises(Cancelled):
        run(cancelled_at_once, lambda _ctx: 3)


def test_a_stage_that_just_ended_is_kept_even_when_the_job_was_cancelled(runner):
    first, cancelled, _ = runner()

    def work(_ctx):
        cancelled.set()
        return 1

    assert run(first, work).value == 1
    assert run(runner()[0], lambda _ctx: 2).value == 1


@pytest.mark.parametrize(
    ("fits", "words"),
    [(("cuda", 0.5), "in smaller batches"), (("cpu", 1.0), "on the CPU")],
)
def test_memory_that_runs_out_is_met_with_less(runner, fits, words):
    tried = []

    def work(ctx):
        ctx.note("said by a try that failed, or not")
        tried.append((ctx.device, ctx.batch_scale))
        if tried[-1] != fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return "done"

    one, _, notes = runner("cuda")
    assert run(one, work).value == "done"
    assert tried == attempts("cuda")[: len(tried)]
    assert words in notes[-1]


def test_memory_that_is_never_enough_is_a_sentence(runner):
    def work(_ctx):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 TB")

    with pytest.raises(RecoverError) as caught:
        run(runner()[0], work)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY


def test_other_errors_go_through_at_once(runner):
    tried = []

    def work(_ctx):
        tried.append(1)
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        run(runner()[0], work)
    assert tried == [1]


def test_real_allocations_that_fail_are_recognised():
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 60, dtype=np.uint8)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(ValueError("out of memory of the good old days"))


def test_a_cache_that_cannot_be_written_is_told_once_and_stops_nothing(runner, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    one, _, notes = runner(folder=tmp_path / "file")
    assert run(one, lambda _ctx: 1).value == 1
    assert run(one, lambda _ctx: 2, inputs=["w"]).value == 2
    assert len(notes) == 1
    assert str(tmp_path / "file") in notes[0]


def test_devices_that_are_not_there_get_a_sentence():
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    missing = [
        d for d, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if not there
    ]
    for device in [*missing, "gpu"]:
        with pytest.raises(RecoverError) as caught:
            choose_device(device)
        assert caught.value.code is ErrorCode.BAD_SETTING
        assert "cpu" in caught.value.remedy
