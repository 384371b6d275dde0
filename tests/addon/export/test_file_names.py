import pytest
from recover_motion.addon.export.file_names import FIELDS, file_stem, safe_name, unique
from recover_motion.inference_backend.protocol.errors import ErrorCode, RecoverError

VALUES = {name: f"<{name}>" for name in FIELDS} | {"take": "walk take 2", "person": "person 1", "clip": "motion"}


def test_fields_are_filled_in():
    assert file_stem("{take}_{person}_{clip}", VALUES) == "walk_take_2_person_1_motion"
    assert file_stem("SK_{person}", VALUES) == "SK_person_1"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
        ("  été 跳 ", "été_跳"),
        ("हिन्दी", "हिन्दी"),
        ("", "motion"),
        ("...", "motion"),
        ("CON", "CON_"),
        ("com1", "com1_"),
        ("../../etc/passwd", "etc_passwd"),
        ("name\n\x00", "name"),
        ("_-x-_", "x"),
    ],
)
def test_names_are_safe_on_every_system(text, safe):
    assert safe_name(text) == safe


def test_long_names_are_cut_between_letters():
    name = safe_name("跳" * 200)
    assert len(name.encode()) <= 120
    assert set(name) == {"跳"}


@pytest.mark.parametrize("template", ["{persn}", "{person!r}", "{person:>9}", "{person.name}", "{}", "{0}"])
def test_an_unknown_field_is_named_with_those_there_are(template):
    with pytest.raises(RecoverError, match="that there is not") as error:
        file_stem(template, VALUES)
    assert error.value.code == ErrorCode.BAD_SETTING
    assert "{person}" in error.value.remedy


def test_an_unreadable_template_gets_a_sentence():
    with pytest.raises(RecoverError, match="is not one that can be read"):
        file_stem("{person", VALUES)


def test_names_of_one_export_differ_even_for_systems_that_ignore_case():
    taken = set()
    assert [unique(name, taken) for name in ("walk", "Walk", "walk", "run")] == ["walk", "Walk_2", "walk_3", "run"]
