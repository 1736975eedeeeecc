"""Runs rules the way the engine does: requests on the wire, the SDK's own analyzer class, its
proxies and its floats.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from guardrails.examples import analyze_requests, stack_request, struct
from guardrails.pack import Pack
from guardrails.registry import Node, Rule
from guardrails.server import Servicer
from guardrails.settings import PackSettings
from pulumi.runtime.proto import analyzer_pb2 as pb
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer

LEVELS = {value: name.lower() for name, value in pb.EnforcementLevel.items()}


class Said(tuple):
    """What the pack said about one thing: (policy, level, name of the resource, message)."""

    __slots__ = ()
    policy = property(lambda self: self[0])
    level = property(lambda self: self[1])
    name = property(lambda self: self[2])
    message = property(lambda self: self[3])


class Runner:
    """Sends resources to an analyzer and returns what it says."""

    def __init__(self, servicer: _PolicyAnalyzerServicer) -> None:
        self.servicer = servicer

    def resources(self, example: Sequence[Node], *, known: bool = True) -> list[Said]:
        found = []
        for request in analyze_requests(example, known=known):
            for diagnostic in self.servicer.Analyze(request, None).diagnostics:
                found.append(_said(diagnostic, request.name))
        return found

    def stack(self, example: Sequence[Node], *, known: bool = True) -> list[Said]:
        answer = self.servicer.AnalyzeStack(stack_request(example, known=known), None)
        return [_said(d, d.urn.rsplit("::", 1)[-1]) for d in answer.diagnostics]

    def run(self, example: Sequence[Node], *, known: bool = True) -> list[Said]:
        return [*self.resources(example, known=known), *self.stack(example, known=known)]

    def configure(self, config: Mapping[str, Mapping[str, Any]]) -> None:
        """What the engine sends once, after it has merged defaults and configuration."""
        request = pb.ConfigureAnalyzerRequest()
        for name, given in config.items():
            options = dict(given)
            level = options.pop("enforcementLevel", "mandatory")
            request.policyConfig[name].enforcementLevel = pb.EnforcementLevel.Value(level.upper())
            request.policyConfig[name].properties.CopyFrom(struct(options))
        self.servicer.Configure(request, None)


def _said(diagnostic: Any, name: str) -> Said:
    return Said(
        (
            diagnostic.policyName,
            LEVELS[diagnostic.enforcementLevel],
            name,
            diagnostic.message,
        )
    )


def pack_of(
    *rules: Rule, profile: str = "production", offline: bool = False, exemptions: str = ""
) -> Pack:
    """A pack of a few rules (all, where none is named), set as a stack would."""
    settings = PackSettings(profile=profile, offline=offline, exemptions=exemptions)
    return Pack(settings, rules) if rules else Pack(settings)


def through_sdk(pack: Pack) -> Runner:
    """The SDK's own analyzer, one decoding per policy, proxies handed to each."""
    return Runner(
        _PolicyAnalyzerServicer("pack", "1.0.0", pack.policies, EnforcementLevel.MANDATORY)
    )


def through_server(pack: Pack) -> Runner:
    """The pack's own server class, as the engine meets it."""
    return Runner(Servicer(pack))
