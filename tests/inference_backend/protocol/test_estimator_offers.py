from dataclasses import fields

from inference_backend.pipeline.settings import RecoverSettings
from inference_backend.protocol.estimators import OFFERS, offer
from inference_backend.stages.estimate.registry import DEFAULT_ESTIMATOR, ESTIMATORS


def test_what_a_person_is_offered_is_what_the_backend_has():
    """A new estimator needs an `Offer` in protocol/estimators.py for the add-on to list it."""
    assert [entry.name for entry in OFFERS] == list(ESTIMATORS)
    assert OFFERS[0].name == DEFAULT_ESTIMATOR


def test_every_weights_file_that_can_be_named_is_a_setting():
    stages = {entry.name: entry for entry in fields(RecoverSettings)}
    for entry in OFFERS:
        for stage in entry.weights:
            assert hasattr(stages[stage].default_factory(), "weights"), stage
        assert entry.description
        assert not entry.description.endswith(".")  # Blender adds one


def test_a_name_of_another_version_is_shown_as_it_is():
    assert offer("from the future").label == "from the future"
