"""Turns a rule's example into what the engine would send: once with everything known, once as on a
first preview.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as pb
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from guardrails.registry import Example, Node

REGION = "eu-west-1"
ACCOUNT = "123456789012"
_REFERENCE = re.compile(r"\$\{([a-z0-9-]+)\.([A-Za-z]+)\}")
_ARN_SHAPES = {
    "aws:iam/role:Role": f"arn:aws:iam::{ACCOUNT}:role/{{name}}",
    "aws:iam/policy:Policy": f"arn:aws:iam::{ACCOUNT}:policy/{{name}}",
    "aws:s3/bucket:Bucket": "arn:aws:s3:::{name}",
    "aws:s3/bucketV2:BucketV2": "arn:aws:s3:::{name}",
    "aws:secretsmanager/secret:Secret": (
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{{name}}-AbCdEf"
    ),
    "aws:kms/key:Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{name}}",
    "aws:cloudwatch/logGroup:LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{name}}",
    "aws:sns/topic:Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{name}}",
    "aws:sqs/queue:Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{name}}",
    "aws:ecr/repository:Repository": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{{name}}",
    "aws:acm/certificate:Certificate": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{{name}}",
    "aws:ssm/parameter:Parameter": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{{name}}",
    "aws:dynamodb/table:Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{name}}",
    "aws:lambda/function:Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}",
}


def document(*statements: Mapping[str, Any], **more: Any) -> str:
    """An IAM policy document as text, for an example."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def urn(node: Node) -> str:
    """The URN of an example's resource."""
    return f"urn:pulumi:example::examples::{node.type}::{node.name}"


def attributes(node: Node) -> dict[str, str]:
    """What AWS would answer for a resource: id, ARN, name."""
    service = node.type.split(":")[1].split("/")[0]
    shape = _ARN_SHAPES.get(node.type, f"arn:aws:{service}:{REGION}:{ACCOUNT}:{{name}}")
    return {"arn": shape.format(name=node.name), "id": f"{node.name}-id", "name": node.name}


def references(value: Any) -> set[str]:
    """Names of the other nodes that a property mentions."""
    return {name for name, _ in _REFERENCE.findall(json.dumps(value))}


def resolve(value: Any, nodes: Mapping[str, Node], *, known: bool) -> Any:
    """A property with its references replaced: by made-up attributes, or, for a preview, by the
    unknown as a whole.
    """
    if isinstance(value, str):
        mentioned = [name for name in references(value) if name in nodes]
        if mentioned and not known:
            return UNKNOWN_STRING_VALUE
        return _REFERENCE.sub(lambda match: _attribute(match, nodes), value)
    if isinstance(value, Mapping):
        return {key: resolve(item, nodes, known=known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, nodes, known=known) for item in value]
    return value


def _attribute(match: re.Match[str], nodes: Mapping[str, Node]) -> str:
    name, attribute = match.groups()
    if name not in nodes:
        return match.group(0)
    found = {**attributes(nodes[name]), **nodes[name].properties}.get(attribute)
    return str(found) if isinstance(found, str | int) else f"{name}-{attribute}"


def struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties as they travel."""
    message = struct_pb2.Struct()
    json_format.ParseDict(dict(properties), message)
    return message


def analyze_requests(example: Example, *, known: bool = True) -> list[pb.AnalyzeRequest]:
    """One request per resource, as the engine sends them before creating each."""
    nodes = {node.name: node for node in example}
    return [
        pb.AnalyzeRequest(
            type=node.type,
            name=node.name,
            urn=urn(node),
            properties=struct(resolve(dict(node.properties), nodes, known=known)),
            options=_options(node),
            provider=_provider(node),
        )
        for node in example
    ]


def stack_request(example: Example, *, known: bool = True) -> pb.AnalyzeStackRequest:
    """The request about the whole stack: outputs and dependencies too."""
    nodes = {node.name: node for node in example}
    return pb.AnalyzeStackRequest(resources=[_stack_resource(n, nodes, known) for n in example])


def _stack_resource(node: Node, nodes: Mapping[str, Node], known: bool) -> pb.AnalyzerResource:
    computed = attributes(node) if known else dict.fromkeys(("arn", "id"), UNKNOWN_STRING_VALUE)
    inputs: dict[str, Any] = resolve(dict(node.properties), nodes, known=known)
    depends = {
        key: _urns(references(value), nodes)
        for key, value in node.properties.items()
        if references(value) & set(nodes)
    }
    return pb.AnalyzerResource(
        type=node.type,
        name=node.name,
        urn=urn(node),
        properties=struct(computed | inputs),
        dependencies=sorted({u for urns in depends.values() for u in urns}),
        propertyDependencies={
            key: pb.AnalyzerPropertyDependencies(urns=urns) for key, urns in depends.items()
        },
        options=_options(node),
        provider=_provider(node),
    )


def _urns(names: Iterable[str], nodes: Mapping[str, Node]) -> list[str]:
    return sorted(urn(nodes[name]) for name in names if name in nodes)


def _options(node: Node) -> pb.AnalyzerResourceOptions:
    return pb.AnalyzerResourceOptions(protect=node.protect, ignoreChanges=list(node.ignore_changes))


def _provider(node: Node) -> pb.AnalyzerProviderResource | None:
    if node.provider is None:
        return None
    return pb.AnalyzerProviderResource(
        type="pulumi:providers:aws",
        name="aws",
        urn="urn:pulumi:example::examples::pulumi:providers:aws::aws",
        properties=struct(node.provider),
    )
