import json

import pytest

from inference_backend.pipeline.settings import RecoverSettings
from inference_backend.protocol.errors import ErrorCode, RecoverError


def test_all_settings_survive_json():
    settings = RecoverSettings()
    assert RecoverSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert RecoverSettings.from_json({}) == settings


def test_values_reach_their_stage():
    K = [[1400, 0, 960], [0, 1400.5, 540], [0, 0, 1]]
    settings = RecoverSettings.from_json(
        {"people": {"people": 2}, "camera": {"K": K, "dist": [0.1, 0, 0, 0]}, "foot_lock": {"strength": 1}}
    )
    assert settings.people.people == 2
    assert settings.camera.K == ((1400.0, 0.0, 960.0), (0.0, 1400.5, 540.0), (0.0, 0.0, 1.0))
    assert settings.foot_lock.strength == 1.0
    assert isinstance(settings.foot_lock.strength, float)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "settings"),
        ({"foot_lok": {}}, '"foot_lok"'),
        ({"foot_lock": {"strenght": 1}}, '"foot_lock.strenght"'),
        ({"foot_lock": 1}, "foot_lock"),
        ({"foot_lock": {"strength": "1"}}, "foot_lock.strength"),
        ({"foot_lock": {"strength": True}}, "foot_lock.strength"),
        ({"foot_lock": {"strength": float("nan")}}, "foot_lock.strength"),
        ({"foot_lock": {"strength": 2}}, "strength"),
        ({"people": {"people": 2.5}}, "people.people"),
        ({"camera": {"K": [[1, 2, "x"]]}}, "camera.K"),
        ({"body": 3}, "body"),
    ],
)
def test_a_wrong_setting_is_named(data, words):
    with pytest.raises(RecoverError) as caught:
        RecoverSettings.from_json(data)
    assert caught.value.code is ErrorCode.BAD_SETTING
    assert words in caught.value.sentence
    assert caught.value.remedy
