"""Every handler's data against both sides it names: pulumi_aws's properties and botocore's model.

This keeps the data honest without an emulator. It cannot prove that the two mean the same thing.
"""

import ast
import functools
import importlib
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from pulumi import _types

from rehearsal.handlers import GAPS, HANDLERS
from rehearsal.handlers.conversion import (
    As,
    Ignore,
    Rules,
    UnmappedInputError,
    convert_inputs,
    member_for,
    shape_at,
)
from rehearsal.handlers.model import Handler

AWS = {token: handler for token, handler in HANDLERS.items() if token.startswith("aws:")}
DATA = {token: handler for token, handler in AWS.items() if handler.create is None}
CODE = {token: handler for token, handler in AWS.items() if handler.create is not None}

# Code that hands what it does not take itself to the rule of names.
REST = DATA.keys() | {
    token for token, handler in CODE.items() if ".rest(" in inspect.getsource(handler.create)
}
# What code takes in a loop, which `names_taken` cannot read.
STEERED = {
    token: {"content", "contentBase64", "source", "etag", "forceDestroy", "sourceHash"}
    | {"overrideProvider"}
    for token in ("aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2")
}

# Inputs that no handler takes yet: a program that uses one is refused by name.
NOT_TAKEN = {
    "aws:acm/certificate:Certificate": {
        "certificateBody",
        "certificateChain",
        "earlyRenewalDuration",
        "privateKey",
        "privateKeyWo",
        "privateKeyWoVersion",
    },
    "aws:lb/loadBalancer:LoadBalancer": {"secondaryIpsAutoAssignedPerSubnet"},
    "aws:rds/instance:Instance": {"s3Import", "warningEventCategories"},
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

_SESSION = botocore.session.get_session()
_MODELS: dict[str, Any] = {}


def operation_shape(service: str, operation: str) -> Any:
    """The input shape of an operation; KeyError when the service has none of that name."""
    model = _MODELS.setdefault(service, _SESSION.get_service_model(service))
    names = {xform_name(name): name for name in model.operation_names}
    return model.operation_model(names[operation]).input_shape


def arguments_of(token: str) -> type:
    """The `...Args` class of a resource; a nested type of that name moves it to `...InitArgs`."""
    _, module, name = token.split(":")
    package = module.split("/")[0]
    resources = importlib.import_module(
        f"pulumi_aws.{'lambda_' if package == 'lambda' else package}"
    )
    assert hasattr(resources, name), f"pulumi_aws has no {token}"
    return getattr(resources, f"{name}InitArgs", None) or getattr(resources, f"{name}Args")


def sample(type_: Any, seen: tuple[type, ...] = ()) -> Any:
    """A value of a property's type, every nested property present, as it travels to the engine."""
    type_ = _types.unwrap_type(type_)
    origin = typing.get_origin(type_)
    arguments = typing.get_args(type_)
    if origin in (typing.Union, types.UnionType):
        found = (sample(a, seen) for a in arguments if a is not type(None))
        return next((value for value in found if value is not None), None)
    name = getattr(origin, "__name__", "")
    if name in ("list", "Sequence"):
        inner = sample(arguments[0], seen)
        return None if inner is None else [inner]
    if name in ("dict", "Mapping"):
        return {"key": "value"}
    if isinstance(type_, type) and _types.is_input_type(type_):
        return {} if type_ in seen else everything(type_, (*seen, type_))
    return {str: "text", bool: True, int: 1, float: 1.5}.get(type_, "any")


@functools.cache
def inputs_of(token: str) -> dict[str, Any]:
    """Every input of a resource, with a sample of its type. Shared: copy before changing it."""
    return everything(arguments_of(token))


def everything(arguments: type, seen: tuple[type, ...] = ()) -> dict[str, Any]:
    """Every input of a resource or of a nested type, with a sample of its type."""
    kinds = _types.input_type_types(arguments)
    return {
        pulumi: sample(kinds[pulumi], seen)
        for pulumi in _types.input_type_py_to_pulumi_names(arguments).values()
    }


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            yield here
            yield from paths_of(item, here)
    elif isinstance(value, list):
        for item in value:
            yield from paths_of(item, path)


def rules_of(handler: Handler) -> Iterator[tuple[str, Rules]]:
    """(service:operation, rules) of the main call and of each later one."""
    yield f"{handler.service}:{handler.operation}", handler.inputs
    for call in handler.then:
        yield f"{call.service or handler.service}:{call.operation}", call.inputs


def names_taken(function: Any, seen: frozenset[Any] = frozenset()) -> set[str]:
    """Texts that a function, and what it calls in its module, pass to `take`."""
    module = inspect.getmodule(function)
    closure = inspect.getclosurevars(function)
    seen |= {function}
    found: set[str] = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        is_take = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "take"
        if is_take and node.args and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value))
    for helper in closure.globals.values():
        if inspect.isfunction(helper) and inspect.getmodule(helper) is module:
            found |= set() if helper in seen else names_taken(helper, seen)
    return found


def test_every_token_is_a_resource_of_the_provider() -> None:
    for token in AWS:
        arguments_of(token)


@pytest.mark.parametrize("token", sorted(AWS))
def test_every_input_named_is_a_property_of_the_resource(token: str) -> None:
    handler = AWS[token]
    known = set(paths_of(inputs_of(token)))
    named = {path for _, rules in rules_of(handler) for path in rules} | set(handler.ignored)
    if handler.naming is not None:
        named |= {handler.naming.input} | ({handler.naming.prefix} - {""})
    assert named - known == set()
    assert ("tags" in known) == bool(handler.tags), "tags go where the resource has them"


@pytest.mark.parametrize("token", sorted(AWS))
def test_every_operation_and_parameter_named_is_in_the_service_model(token: str) -> None:
    handler = AWS[token]
    for call in handler.then:
        shape = operation_shape(call.service or handler.service, call.operation)
        for path in call.params:
            shape_at(shape, path)
    if handler.tagging is not None:
        shape_at(operation_shape(handler.service, handler.tagging.operation), handler.tags)
    shape = operation_shape(handler.service, handler.operation)
    for path in handler.params:
        shape_at(shape, path)
    if handler.within:
        shape_at(shape, handler.within)
    if handler.create is None and handler.tagging is None and handler.tags:
        name, _, kind = handler.tags.partition(":")
        tags = shape_at(shape, name)
        if kind:
            kinds = tags.member.members["ResourceType"].enum
            assert kind in kinds


@pytest.mark.parametrize("token", sorted(REST))
def test_every_input_of_a_resource_reaches_a_parameter_that_exists(token: str) -> None:
    handler = AWS[token]
    inputs = dict(inputs_of(token))
    taken = names_taken(handler.create) | STEERED.get(token, set()) if handler.create else set()
    for key in ("tags", "region", *handler.ignored, *taken):
        inputs.pop(key, None)
    if handler.naming is not None:
        inputs.pop(handler.naming.input, None)
        inputs.pop(handler.naming.prefix, None)
    unmapped: set[str] = set()
    for index, (operation, rules) in enumerate(rules_of(handler)):
        shape = operation_shape(*operation.split(":"))
        keys = {path.split(".")[0] for call in handler.then for path in call.inputs}
        given = {
            key: item
            for key, item in inputs.items()
            if (key not in keys if index == 0 else key in {p.split(".")[0] for p in rules})
        }
        # A function's result is its own business; that its parameter exists is not.
        for path, rule in rules.items():
            if isinstance(rule, As) and (rule.path.startswith("/") or "." not in path):
                holder = "" if rule.path.startswith("/") or index else handler.within
                shape_at(shape_at(shape, holder) if holder else shape, rule.path.lstrip("/"))
        plain = {k: Ignore("a function") if isinstance(r, As) else r for k, r in rules.items()}
        try:
            convert_inputs(given, shape, plain, within="" if index else handler.within)
        except UnmappedInputError as error:
            unmapped |= set(error.paths)
    assert unmapped == NOT_TAKEN.get(token, set())


@pytest.mark.parametrize("token", sorted(CODE))
def test_code_takes_only_inputs_that_the_resource_has(token: str) -> None:
    handler = CODE[token]
    known = set(inputs_of(token))
    shared = {"subnetIds", "ingress", "egress", "routes", "propagatingVgws"}
    # BucketObject lacks what its successor has, and one function makes both.
    shared |= {"overrideProvider"} if "bucketObject" in token else set()
    assert names_taken(handler.create) - known - shared == set()


def test_the_names_of_an_input_and_a_parameter_meet_whatever_case_and_number() -> None:
    members = ["CidrBlock", "SubnetIds", "ThumbprintList", "Policies", "DBSubnetGroupName", "Tag"]
    for key, member in {
        "cidrBlock": "CidrBlock",
        "subnetIds": "SubnetIds",
        "subnetId": "SubnetIds",
        "thumbprintLists": "ThumbprintList",
        "thumbprint": "ThumbprintList",
        "policy": "Policies",
        "dbSubnetGroupName": "DBSubnetGroupName",
        "tags": "Tag",
        "cidr": None,
        "names": None,
    }.items():
        assert member_for(key, members) == member, key


@pytest.mark.parametrize("gap", sorted(GAPS), ids=":".join)
def test_the_emulator_still_lacks_what_is_listed_as_a_gap(gap: tuple[str, str]) -> None:
    service, operation = gap
    operation_shape(service, operation)
    if GAPS[gap].when is not None:
        return
    implemented: set[str] = set()
    package = {"lambda": "awslambda"}.get(service, service.replace("-", ""))
    try:
        responses = importlib.import_module(f"moto.{package}.responses")
    except ModuleNotFoundError:
        return
    for item in vars(responses).values():
        if inspect.isclass(item) and item.__module__ == responses.__name__:
            implemented |= {name for name, _ in inspect.getmembers(item, inspect.isfunction)}
    assert implemented, f"moto.{package}.responses has no operation: this would prove nothing"
    assert operation not in implemented, f"moto has {service}:{operation} now"


def test_each_gap_belongs_to_an_operation_that_a_handler_calls() -> None:
    called = {f"{handler.service}:{handler.operation}" for handler in HANDLERS.values()} | {
        operation for handler in HANDLERS.values() for operation, _ in rules_of(handler)
    }
    assert {":".join(gap) for gap in GAPS} - called == set()
