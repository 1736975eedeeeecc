"""A recorded program as the engine would send it to the pack."""

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as pb

from rehearsal.recording import Graph, Registration


def analyze_requests(graph: Graph) -> list[pb.AnalyzeRequest]:
    """One request per resource: its inputs."""
    return [
        pb.AnalyzeRequest(
            type=r.type,
            name=r.name,
            urn=r.urn,
            properties=r.properties,
            options=_options(r),
            provider=_provider(r, graph),
        )
        for r in graph
    ]


def stack_request(graph: Graph) -> pb.AnalyzeStackRequest:
    """The request about the whole: outputs and dependencies."""
    return pb.AnalyzeStackRequest(resources=[_resource(r, graph) for r in graph])


def _resource(r: Registration, graph: Graph) -> pb.AnalyzerResource:
    new = {k: v for k, v in r.outputs.items() if k not in r.inputs and r.custom}
    if r.custom and r.id:
        new["id"] = r.id
    properties = json_format.ParseDict(
        json_format.MessageToDict(r.properties) | new, struct_pb2.Struct()
    )
    return pb.AnalyzerResource(
        type=r.type,
        name=r.name,
        urn=r.urn,
        parent=r.parent,
        properties=properties,
        dependencies=r.dependencies,
        propertyDependencies={
            key: pb.AnalyzerPropertyDependencies(urns=urns)
            for key, urns in r.property_dependencies.items()
        },
        options=_options(r),
        provider=_provider(r, graph),
    )


def _options(r: Registration) -> pb.AnalyzerResourceOptions:
    return pb.AnalyzerResourceOptions(
        protect=r.protect, ignoreChanges=r.ignore_changes, parent=r.parent
    )


def _provider(r: Registration, graph: Graph) -> pb.AnalyzerProviderResource | None:
    provider = graph.resources.get(r.provider)
    if provider is None:
        return None
    return pb.AnalyzerProviderResource(
        type=provider.type, urn=provider.urn, name=provider.name, properties=provider.properties
    )
