"""What the panel offers and begins with is what the backend knows and begins with."""

import bpy
import numpy as np
import pytest
from recover_motion.addon.recover.account import account
from recover_motion.addon.recover.request import recovery_request
from recover_motion.addon.recover.strip import Source
from recover_motion.inference_backend.pipeline.settings import RecoverSettings
from recover_motion.inference_backend.protocol.errors import RecoverError
from recover_motion.inference_backend.protocol.estimators import OFFERS
from recover_motion.inference_backend.protocol.result_format import load_result
from recover_motion.inference_backend.stages.camera.settings import MOTIONS
from recover_motion.inference_backend.stages.physics.settings import MODES
from recover_motion.inference_backend.stages.trajectory.settings import TRIGGERS

from tests.addon.synthetic_result import Clip, random_motion, write_result


@pytest.fixture
def settings(data_folder):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene.recover_motion


def asked(settings, folder):
    source = Source("walk", folder / "walk.mp4", (), 30.0, (1280, 720), 0, 1, np.arange(30))
    return RecoverSettings.from_json(recovery_request("a", source, settings, folder).settings)


def test_untouched_settings_ask_for_the_backend_s_defaults(settings, tmp_path):
    assert asked(settings, tmp_path) == RecoverSettings()


def test_every_choice_is_one_that_the_backend_knows(settings, tmp_path):
    offered = {
        name: [item.identifier for item in settings.bl_rna.properties[name].enum_items]
        for name in ("trajectory", "physics", "camera_motion", "estimator", "quality")
    }
    assert offered["trajectory"] == list(TRIGGERS)
    assert offered["physics"] == list(MODES)
    assert offered["camera_motion"] == list(MOTIONS)
    assert offered["estimator"] == [offer.name for offer in OFFERS]
    for name, values in offered.items():
        for value in values:
            settings.property_unset(name)
            setattr(settings, name, value)
            asked(settings, tmp_path)


def test_weights_and_their_body_go_to_the_estimator_that_needs_them(settings, tmp_path):
    settings.estimator_body = "/body.npz"
    for offer in OFFERS:
        settings.estimator = offer.name
        for part in offer.weights:
            setattr(settings, f"{part}_weights", f"/{part}.safetensors")
        given = asked(settings, tmp_path)
        for part in offer.weights:
            assert getattr(given, part).weights == f"/{part}.safetensors"
        assert given.estimator_body == ("/body.npz" if offer.weights else None)


def test_a_setting_that_makes_no_sense_is_named_by_the_backend():
    with pytest.raises(RecoverError, match="often"):
        RecoverSettings.from_json({"physics": {"mode": "often"}})


def test_an_account_tells_what_the_stages_did(tmp_path, plain_body, rng):
    path, _ = write_result(
        tmp_path,
        Clip(np.arange(30) / 30, people={0: {"motion": random_motion(rng, 30)}, 1: {"motion": random_motion(rng, 30)}}),
        plain_body,
    )
    physics = (
        '{"frames": 20, "slip_cm_s": [3.04, 0.61], "segments": [{"start": 0, "end": 20, "turned_down": ""}, '
        '{"start": 20, "end": 30, "turned_down": "fell"}]}'
    )
    with np.load(path) as file:
        arrays = dict(file)
    arrays |= {
        "stages_ran": np.array(["people", "estimate", "trajectory", "foot_lock", "physics"]),
        "warnings": np.array(["The focal length is a guess."]),
        "p1_trajectory_report": np.array('{"prior": "contacts", "frames": 12}'),
        "p1_physics_report": np.array(physics),
    }
    np.savez(path, **arrays)
    told = account(load_result(path), 1, "clean 2")
    assert told.notes == ("The focal length is a guess.",)
    assert dict(told.facts) == {
        "Person": "2 of 2",
        "Version": "clean 2",
        "Estimator": "Kinematic",
        "Body": "SMPLX_OPEN",
        "Stages": "people, poses, path, foot lock, physics",
        "Path": "regenerated from standing feet in 12 of 30 frames",
        "Physics": "kept in 20 of 30 frames; feet slid by 3.0 cm/s before and 0.6 after; "
        "the simulated body fell in 1 of 2 parts",
    }
    assert type(told).from_json(told.to_json()) == told
    arrays["K"] = arrays["K"] * np.linspace(1, 1.2, 30)[:, None, None]
    for motion, said in (("turning", "zooms"), ("carried", "carried about"), ("unknown", "too little"), ("still", "")):
        np.savez(path, **arrays, camera_motion=np.array([motion]))
        assert said in dict(account(load_result(path), 0, "as recovered").facts).get("Camera", "")
