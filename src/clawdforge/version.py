"""Which version this is: a module of its own, so that it can be asked without all the rest."""

VERSION = "0.3.0"
