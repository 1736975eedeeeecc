"""From what AWS answered once to what it can be asked for again."""

import functools
from collections.abc import Mapping
from typing import Any

import botocore.model
import botocore.session


@functools.cache
def _model(service: str) -> botocore.model.ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def request(service: str, operation: str, answered: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an answer that an operation takes as its input.

    AWS describes a thing with more than it was made of: ids, states, moments. Its own service
    model says which members an operation takes, so nothing is listed here that could grow old.

    Args:
        service: As boto3 calls it, such as `ecs`.
        operation: As the API calls it, such as `RegisterTaskDefinition`.
        answered: What a describing operation answered.
    """
    # botocore's cached properties have no type.
    shape: Any = _model(service).operation_model(operation).input_shape
    return _kept(shape, answered)


def _kept(shape: Any, value: Any) -> Any:
    if isinstance(shape, botocore.model.StructureShape) and isinstance(value, Mapping):
        members: Any = shape.members
        return {
            name: _kept(members[name], item)
            for name, item in value.items()
            if name in members and item is not None
        }
    if isinstance(shape, botocore.model.ListShape) and isinstance(value, list):
        member: Any = shape.member
        return [_kept(member, item) for item in value]
    return value


def own_tags(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Tags that can be set: those that begin with `aws:` are AWS's own.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    """
    return [tag for tag in tags if not tag["key"].startswith("aws:")]
