"""Version of the background stage, which has nothing to set."""

VERSION = 1
