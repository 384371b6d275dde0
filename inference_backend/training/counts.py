"""Numbers on the command line of which there must be one at least."""

import argparse


def count(text: str) -> int:
    """A whole number from 1 on, as a type for `argparse`.

    Raises:
        argparse.ArgumentTypeError: it is none; the parser then says so and ends.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 on")
    return value
