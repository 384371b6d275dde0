"""The conversion stage has no settings; its version tells cached outputs apart."""

VERSION = 1
