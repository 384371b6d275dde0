from pathlib import Path

import numpy as np

from inference_backend.protocol import messages as m
from inference_backend.protocol.result_format import load_result


def test_cleaning_again_runs_physics_again_for_who_was_edited(start, tmp_path):
    """Contacts of one of two people are edited: the lock and physics run for that person, all else is kept."""
    settings = {"physics": {"mode": "auto"}}
    backend = start()
    backend.greet()
    backend.submit("a", settings=settings)
    first = load_result(Path(backend.until(m.Result).result))
    before = backend.journal()
    edited = first.people[0].contact.copy()
    edited[3:9] = False
    file = tmp_path / "edited.npz"
    np.savez(file, frame_index=first.frame_index, **{f"p{first.people[0].person_id}_contact": edited})
    backend.submit("b", settings=settings, contacts=str(file))
    backend.until(m.Result, "b")
    since = backend.journal()[len(before) :]
    assert since == ["foot_lock", "foot_lock done", "physics", "physics done"]
    # Switched off, nothing of it runs, and the result no longer speaks of it.
    backend.submit("c", settings={"physics": {"mode": "never"}}, contacts=str(file))
    result = load_result(Path(backend.until(m.Result, "c").result))
    assert backend.journal()[len(before) + len(since) :] == []
    assert result.stages_ran == ("frames", "shots", "people", "camera", "estimate", "world", "contacts", "foot_lock")
    assert not result.people[0].physics_report
