import argparse

import pytest

from inference_backend.training.counts import count


def test_whole_numbers_from_one_on():
    assert count("1") == 1
    for text in ("0", "-3", "1.5", "many", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="whole number"):
            count(text)
