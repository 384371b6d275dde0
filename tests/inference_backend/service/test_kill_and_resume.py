from pathlib import Path

from inference_backend.pipeline.progress import STAGE_SHARES
from inference_backend.protocol import messages as m
from inference_backend.protocol.result_format import load_result

EVERYTHING = {"trajectory": {"trigger": "always"}, "physics": {"mode": "always"}}


def test_killed_in_every_stage_in_turn_no_finished_stage_runs_twice(start, tmp_path):
    # A motion is converted only where the estimator has a body of its own.
    stages = [stage for stage in STAGE_SHARES if stage not in ("convert", "result")]
    for stage in stages:
        (tmp_path / "hold").write_text(stage)
        backend = start()
        backend.greet()
        backend.submit(settings=EVERYTHING)
        while backend.journal()[-1:] != [stage]:
            backend.until(m.Progress)
        backend.child.kill()
        backend.ended()
    (tmp_path / "hold").unlink()
    backend = start()
    backend.greet()
    backend.submit(settings=EVERYTHING)
    result = backend.until(m.Result)
    journal = backend.journal()
    for stage in stages:
        # Begun once to be killed, and then once for each person; ended once for each person.
        people = 2 if stage in ("estimate", "contacts", "foot_lock", "physics") else 1
        assert journal.count(stage) == people + 1, stage
        assert journal.count(f"{stage} done") == people, stage
    assert len(load_result(Path(result.result)).people) == 2
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_half_written_entry_is_made_anew(start, tmp_path):
    backend = start()
    backend.greet()
    backend.submit("a")
    backend.until(m.Result)
    (entry,) = (tmp_path / "cache" / "people").glob("*.npz")
    entry.write_bytes(entry.read_bytes()[:200])
    backend.submit("b")
    backend.until(m.Result, "b")
    journal = backend.journal()
    assert journal.count("people") == 2
    assert journal.count("shots") == journal.count("camera") == 1
