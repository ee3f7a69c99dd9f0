"""Caffe's messages, from the descriptors that the build compiled `caffe.proto` to."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any


@cache
def message(name: str) -> Any:
    """The class of a message: "NetParameter", "WeightedNet"."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"zif_caffe.{name}"))


@cache
def field_names() -> frozenset[str]:
    """Every name that a text may use."""
    return frozenset(field.name for message in _file().message_type for field in message.field)


@cache
def _pool() -> Any:
    from google.protobuf import descriptor_pool

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file().SerializeToString())
    return pool


@cache
def _file() -> Any:
    from google.protobuf import descriptor_pb2

    data = files(__package__).joinpath("caffe.desc").read_bytes()
    return descriptor_pb2.FileDescriptorSet.FromString(data).file[0]
