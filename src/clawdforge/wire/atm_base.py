"""What all messages of the monitor's socket have in common."""

from typing import Annotated

from msgspec import Meta, Struct

U16 = Annotated[int, Meta(ge=0, le=2**16 - 1)]


class Version(Struct, frozen=True, gc=False):
    """The version of the protocol. Those of one major version understand each other."""

    major: U16
    minor: U16


OUR_VERSION = Version(1, 0)


class RequestBase(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What a client says."""

    protocol_version: Version | tuple[U16, U16]


class ReplyBase(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What the monitor says."""
