import pytest
from recover_motion.addon.recover.quality import enum_items, presets


def test_the_first_is_the_default_and_changes_nothing():
    first = presets()[0]
    assert (first.name, first.settings) == ("balanced", {})


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_the_tooltip_says_what_a_preset_changes(preset):
    (tooltip,) = (description for name, _, description in enum_items() if name == preset.name)
    assert tooltip.startswith(preset.description)
    assert not tooltip.endswith(".")
    for stage, values in preset.settings.items():
        for name, value in values.items():
            assert f"{stage}.{name} = {value}" in tooltip
