"""The pack as the Pulumi engine talks to it: the SDK's analyzer, with properties decoded once for
all rules.

The SDK's `_PolicyAnalyzerServicer` decodes a resource again for every policy, which for this many
rules costs more than building the resources. `Servicer` is that class with the two analysis calls
replaced; everything else (remediation, description of the pack, levels) stays the SDK's. It also
refuses a policy configuration that names a rule or an option that does not exist, which engine and
SDK let pass.
"""

import difflib
import functools
import os
import signal
import sys
import threading
from collections.abc import Iterable
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import json_format
from pulumi.runtime import proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer

from guardrails import NAME, VERSION
from guardrails.evaluation import Finding, Outcome
from guardrails.exemptions import ExemptionError
from guardrails.pack import EXEMPTIONS, NOT_EVALUATED, Pack
from guardrails.registry import Rule
from guardrails.resources import Resource, Stack
from guardrails.settings import SettingsError

_LARGEST_MESSAGE = 400 * 1024 * 1024
_WORKERS = 4


class ConfigurationError(ValueError):
    """A policy configuration names a rule or an option that does not exist, or gives one a value it
    cannot have.
    """


class Servicer(_PolicyAnalyzerServicer):
    """Answers the engine."""

    def __init__(self, pack: Pack) -> None:
        """Serves one pack."""
        super().__init__(
            NAME,
            VERSION,
            pack.policies,
            EnforcementLevel.MANDATORY,
            description="Guardrails for services on AWS ECS Fargate",
            display_name="Guardrails",
            provider="aws",
        )
        self._pack = pack

    def Analyze(self, request: Any, _context: Any) -> Any:
        """Judges one resource before it is created or updated."""
        resource = Resource.from_request(request)
        applicable = self._pack.rules_for(request.type)
        response = proto.AnalyzeResponse(not_applicable=self._not_applicable(request.type))
        self._add(response, self._findings(applicable, resource))
        return response

    def AnalyzeStack(self, request: Any, _context: Any) -> Any:
        """Judges the stack as a whole."""
        stack = Stack([Resource.from_request(resource) for resource in request.resources])
        response = proto.AnalyzeResponse()
        self._add(response, self._findings(self._pack.stack_rules, stack))
        self._add_exemption_problems(response)
        return response

    def Remediate(self, request: Any, _context: Any) -> Any:
        """Puts right what rules of level remediate can; what it cannot read it leaves alone."""
        try:
            return super().Remediate(request, _context)
        except Exception:
            # The SDK refuses wire values that it does not know. The rules still judge the resource.
            return proto.RemediateResponse()

    def Configure(self, request: Any, context: Any) -> Any:
        """Takes the configuration that the engine worked out, or refuses it by name."""
        problems = self._configuration_problems(request)
        if problems:
            message = "\n".join(problems)
            if context is None:
                raise ConfigurationError(message)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        return super().Configure(request, context)

    def _configuration_problems(self, request: Any) -> list[str]:
        problems: list[str] = []
        for name, configured in request.policyConfig.items():
            if name not in self._pack.by_name:
                problems.append(f"there is no rule {name!r}{_nearest(name, self._pack.by_name)}")
                continue
            rule = self._pack.rules.get(name)
            options = rule.options if rule else {}
            for key, value in json_format.MessageToDict(configured.properties).items():
                if key not in options:
                    problems.append(f"{name} has no option {key!r}{_nearest(key, options)}")
                elif not options[key].accepts(value):
                    problems.append(f"{name}: {key} must be of type {options[key].type}")
        return problems

    @functools.cached_property
    def _level(self) -> Any:
        return {
            EnforcementLevel.ADVISORY: proto.ADVISORY,
            EnforcementLevel.MANDATORY: proto.MANDATORY,
            # A resource that still breaks the rule after its remediation is a violation like any
            # other.
            EnforcementLevel.REMEDIATE: proto.MANDATORY,
        }

    def _enforced(self, name: str) -> Any:
        """The level of a policy as the wire says it; None where it is disabled."""
        return self._level.get(self._get_enforcement_level(self._pack.by_name[name]))

    @functools.lru_cache(maxsize=1024)  # noqa: B019 - a servicer lives as long as its process
    def _not_applicable(self, type_: str) -> list[Any]:
        applicable = {rule.id for rule in self._pack.rules_for(type_)}
        stack = {rule.id for rule in self._pack.stack_rules}
        return [
            proto.PolicyNotApplicable(policy_name=name)
            for name in self._pack.rules
            if name not in applicable and name not in stack
        ]

    def _findings(self, rules: Iterable[Rule], subject: Resource | Stack) -> list[Finding]:
        return [
            finding
            for rule in rules
            if self._enforced(rule.id) is not None
            for finding in self._pack.evaluate(rule, subject, self._get_policy_config(rule.id))
        ]

    def _add(self, response: Any, findings: list[Finding]) -> None:
        postponed: dict[str, list[Finding]] = {}
        for finding in findings:
            level = self._enforced(finding.rule.id)
            if finding.outcome is Outcome.NOT_EVALUATED and not self._pack.settings.offline:
                postponed.setdefault(finding.urn, []).append(finding)
                continue
            if finding.outcome in (Outcome.ADVICE, Outcome.EXEMPT):
                level = proto.ADVISORY
            response.diagnostics.append(self._diagnostic(finding, level))
        level = self._enforced(NOT_EVALUATED)
        if level is None:
            return
        for urn, found in postponed.items():
            # One line per resource: on a first preview, a line per rule would bury everything else.
            # The first words are the SDK's own for this, by which tools know it.
            rules = dict.fromkeys(f"'{finding.rule.id}'" for finding in found)
            details = dict.fromkeys(f"{finding.rule.id} ({finding.detail})" for finding in found)
            self._say(
                response,
                NOT_EVALUATED,
                level,
                f"can't run policy {', '.join(rules)} from policy pack '{NAME}@v{VERSION}' "
                "during preview:\n" + "\n".join(details),
                urn,
            )

    def _diagnostic(self, finding: Finding, level: Any) -> Any:
        rule = finding.rule
        policy = self._pack.by_name[rule.id]
        return proto.AnalyzeDiagnostic(
            policyName=rule.id,
            policyPackName=NAME,
            policyPackVersion=VERSION,
            description=rule.title,
            message=f"{rule.title}\n{finding.message}",
            urn=finding.urn,
            enforcementLevel=level,
            severity=self._map_severity(policy.severity),
        )

    def _say(self, response: Any, name: str, level: Any, message: str, urn: str = "") -> None:
        description = self._pack.by_name[name].description
        response.diagnostics.append(
            proto.AnalyzeDiagnostic(
                policyName=name,
                policyPackName=NAME,
                policyPackVersion=VERSION,
                description=description,
                message=f"{description}\n{message}",
                urn=urn,
                enforcementLevel=level,
            )
        )

    def _add_exemption_problems(self, response: Any) -> None:
        level = self._enforced(EXEMPTIONS)
        if level is None:
            return
        expired, unused = self._pack.exemption_problems()
        for problem in expired:
            self._say(response, EXEMPTIONS, level, problem)
        for problem in unused:
            self._say(response, EXEMPTIONS, proto.ADVISORY, problem)


def _nearest(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(words), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def serve() -> None:
    """Starts the pack, tells the engine its port on standard output, and serves until it is told to
    stop.
    """
    try:
        servicer = Servicer(Pack())
    except (SettingsError, ExemptionError) as error:
        sys.exit(f"guardrails: {error}")
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=_WORKERS),
        options=[("grpc.max_receive_message_length", _LARGEST_MESSAGE)],
    )
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    os.write(sys.stdout.fileno(), f"{port}\n".encode())
    try:
        stopped.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop(0)
