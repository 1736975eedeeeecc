"""Runs the policy pack as the engine does: in its own process, over the gRPC analyzer protocol.

The order of calls is the engine's: ConfigureStack, GetAnalyzerInfo, Configure with reconciled
settings, then Remediate and Analyze for each resource, and AnalyzeStack at the end.
https://github.com/pulumi/pulumi/blob/v3.272.0/pkg/resource/deploy/step_generator.go
https://github.com/pulumi/pulumi/blob/v3.272.0/sdk/go/common/resource/plugin/analyzer_plugin.go

What the engine's provider would add to the inputs before a policy sees them is added here where it
is decidable: `tagsAll`, the provider's default tags and the resource's own.
"""

import dataclasses
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import yaml
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from rehearsal import schema
from rehearsal.config import StackConfig
from rehearsal.processes import ProcessError, TetheredProcess
from rehearsal.recording import STACK_TYPE, UNKNOWN, Graph, Registration, plain

START_SECONDS = 60.0
CALL_SECONDS = 120.0
"""Longest that one call may take: a rule that hangs must not hang the rehearsal."""
_MESSAGE_BYTES = 400 * 1024 * 1024
_LEVELS = {0: "advisory", 1: "mandatory", 2: "disabled", 3: "remediate"}
_SEVERITIES = {0: "", 1: "low", 2: "medium", 3: "high", 4: "critical"}
# The SDK's own words for a rule that met an unknown value.
_NOT_EVALUATED = re.compile(
    r"can't run (?:policy|remediation) '.*' from policy pack '.*' during preview"
)
_DURATION = re.compile(r"([0-9.]+)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class AnalyzerError(Exception):
    """The pack did not start, or a rule of it crashed; the engine would fail the update."""


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """What a policy said about one resource, or about the stack."""

    rule: str
    urn: str
    """"" when a stack policy named no resource."""
    resource: str
    type: str
    level: str
    """advisory, mandatory or remediate."""
    reason: str
    remedy: str
    severity: str
    url: str
    kind: str = "violation"
    """violation, not evaluated (a value was unknown), remediated (the rule changed inputs)."""
    graph: str = ""
    """preview or resolved."""

    @property
    def blocks(self) -> bool:
        """Whether the engine would refuse, or a rule that could refuse was not evaluated."""
        return self.kind != "remediated" and self.level in ("mandatory", "remediate")


class PolicyPack:
    """A running policy pack; a context manager that ends it.

    Args:
        directory: The pack's, with PulumiPolicy.yaml.
        config: The stack's; the pack reads it as a program would.
        dry_run: What the pack is told: whether this is a preview.
        settings: Levels and properties by rule, as in a `--policy-pack-config` file. Defaults to
        none.

    Raises:
        AnalyzerError: The pack did not start, or its settings do not fit it.
    """

    def __init__(
        self,
        directory: Path,
        config: StackConfig,
        *,
        dry_run: bool,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._config = config
        program, python = _runtime(directory)
        # The engine address is parsed and never dialled.
        command = [python, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(program)]
        try:
            self._process = TetheredProcess(
                command,
                what=f"The policy pack in {directory.name}",
                ready_timeout=START_SECONDS,
                env=_environment(config, dry_run=dry_run),
                cwd=program,
            )
        except ProcessError as error:
            raise AnalyzerError(str(error)) from error
        try:
            self._connect(dry_run=dry_run, settings=settings or {})
        except BaseException:
            self.stop()
            raise

    def _connect(self, *, dry_run: bool, settings: Mapping[str, Any]) -> None:
        port = self._process.first_line
        if not port.isdigit():
            raise AnalyzerError(f"The policy pack answered {port!r}, not a port.")
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{port}",
            options=[
                ("grpc.max_receive_message_length", _MESSAGE_BYTES),
                ("grpc.max_send_message_length", _MESSAGE_BYTES),
                # A proxy of the environment has no business with 127.0.0.1.
                ("grpc.enable_http_proxy", 0),
            ],
        )
        self._stub: Any = analyzer_pb2_grpc.AnalyzerStub(self._channel)
        self._call(
            "ConfigureStack",
            analyzer_pb2.AnalyzerStackConfigureRequest(
                stack=self._config.stack,
                project=self._config.project,
                organization="organization",
                dry_run=dry_run,
                config=dict(self._config.values),
            ),
        )
        info: Any = self._call("GetAnalyzerInfo", empty_pb2.Empty())
        self.name: str = info.name
        self._policies = {policy.name: policy for policy in info.policies}
        self._settings = reconcile(info, settings)
        self._call(
            "Configure",
            analyzer_pb2.ConfigureAnalyzerRequest(
                policyConfig={
                    name: analyzer_pb2.PolicyConfig(
                        enforcementLevel=level,  # pyright: ignore[reportArgumentType]
                        properties=_struct(properties),
                    )
                    for name, (level, properties) in self._settings.items()
                }
            ),
        )

    @property
    def rules(self) -> dict[str, str]:
        """Level of each rule, as configured."""
        return {
            name: _LEVELS[level]
            for name, (level, _) in sorted(self._settings.items())
            if name in self._policies
        }

    @property
    def remediates(self) -> bool:
        """Whether any rule may change the inputs of a resource."""
        return "remediate" in self.rules.values()

    @property
    def pid(self) -> int:
        """Process id of the tether that holds the pack."""
        return self._process.pid

    def analyze(self, graph: Graph) -> list[Finding]:
        """Everything that the rules say about a graph, sorted.

        On a preview graph, rules that met an unknown value are left out: the resolved graph tells.

        Raises:
            AnalyzerError: A rule raised or hung.
        """
        phase = "preview" if graph.preview else "resolved"
        findings: list[Finding] = []
        everything = []
        for registration in (_stack_registration(graph), *graph):
            properties, remediated = self._remediate(registration, graph)
            findings.extend(remediated)
            response = self._call(
                "Analyze",
                analyzer_pb2.AnalyzeRequest(
                    type=registration.type,
                    name=registration.name,
                    urn=registration.urn,
                    properties=properties,
                    options=_options(registration),
                    provider=_provider(registration, graph),
                ),
                registration,
            )
            findings.extend(self._findings(response, registration, graph))
            everything.append(_analyzer_resource(registration, graph, properties))
        response = self._call(
            "AnalyzeStack", analyzer_pb2.AnalyzeStackRequest(resources=everything)
        )
        findings.extend(self._findings(response, None, graph))
        kept = (
            finding
            for finding in findings
            if not (graph.preview and finding.kind == "not evaluated")
        )
        return sorted(dataclasses.replace(finding, graph=phase) for finding in kept)

    def remediate(self, registration: Registration, graph: Mapping[str, Registration]) -> None:
        """Gives a resource the inputs that the rules want, as the engine does before creation."""
        whole = Graph(
            project=self._config.project,
            stack=self._config.stack,
            preview=False,
            resources={**graph, registration.urn: registration},
            exports={},
            secret_exports=frozenset(),
            invokes=[],
        )
        properties, changes = self._remediate(registration, whole)
        if any(change.kind == "remediated" for change in changes):
            if "tagsAll" not in registration.properties.fields:
                # It was only shown to the rules; the provider merges it by itself.
                properties.fields.pop("tagsAll", None)
            registration.properties = properties
            registration.inputs = plain(json_format.MessageToDict(properties))

    def stop(self) -> None:
        """Ends the pack's process; may be called twice."""
        channel = getattr(self, "_channel", None)
        if channel is not None:
            channel.close()
        self._process.stop()

    def _remediate(
        self, registration: Registration, graph: Graph
    ) -> tuple[struct_pb2.Struct, list[Finding]]:
        properties = _properties(registration, graph)
        if not self.remediates:
            return properties, []
        response: Any = self._call(
            "Remediate",
            analyzer_pb2.AnalyzeRequest(
                type=registration.type,
                name=registration.name,
                urn=registration.urn,
                properties=properties,
                options=_options(registration),
                provider=_provider(registration, graph),
            ),
            registration,
        )
        findings = []
        for change in response.remediations:
            unknown = bool(change.diagnostic)
            if not unknown:
                properties = change.properties
            findings.append(
                self._finding(
                    change.policyName,
                    registration,
                    graph,
                    reason=change.diagnostic or change.description,
                    level="remediate",
                    kind="not evaluated" if unknown else "remediated",
                )
            )
        return properties, findings

    def _findings(
        self, response: Any, registration: Registration | None, graph: Graph
    ) -> Iterable[Finding]:
        for diagnostic in response.diagnostics:
            # The SDK puts the rule's description before what the rule reported.
            reason = diagnostic.message.removeprefix(diagnostic.description).strip()
            unknown = bool(_NOT_EVALUATED.match(reason))
            # For an unknown the SDK says advisory; what counts is what the rule could have said.
            level = (
                self.rules.get(diagnostic.policyName, "advisory")
                if unknown
                else _LEVELS[diagnostic.enforcementLevel]
            )
            about = graph.resources.get(diagnostic.urn, registration)
            yield self._finding(
                diagnostic.policyName,
                about,
                graph,
                reason=reason,
                level=level,
                kind="not evaluated" if unknown else "violation",
                severity=_SEVERITIES.get(diagnostic.severity, ""),
            )

    def _finding(
        self,
        rule: str,
        registration: Registration | None,
        graph: Graph,
        *,
        reason: str,
        level: str,
        kind: str,
        severity: str = "",
    ) -> Finding:
        policy = self._policies.get(rule)
        return Finding(
            rule=rule,
            urn=registration.urn if registration else "",
            resource=registration.name if registration else graph.stack,
            type=registration.type if registration else STACK_TYPE,
            level=level,
            reason=reason,
            remedy=policy.remediation_steps if policy else "",
            severity=severity or _SEVERITIES.get(policy.severity if policy else 0, ""),
            url=policy.url if policy else "",
            kind=kind,
        )

    def _call(self, method: str, request: Any, registration: Registration | None = None) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=CALL_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()  # pyright: ignore[reportAttributeAccessIssue]
            subject = f" on {registration.type} {registration.name!r}" if registration else ""
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                problem = f"did not answer within {CALL_SECONDS:g} s"
            else:
                problem = f"failed: {details}"
            said = f"\n{self._process.stderr}" if self._process.stderr else ""
            raise AnalyzerError(f"The policy pack's {method}{subject} {problem}{said}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def reconcile(info: Any, settings: Mapping[str, Any]) -> dict[str, tuple[int, dict[str, Any]]]:
    """Level and properties of each rule: schema defaults, then the pack's own, then `settings`.

    https://github.com/pulumi/pulumi/blob/v3.272.0/pkg/resource/analyzer/config.go

    Raises:
        AnalyzerError: `settings` name a rule or a level that does not exist. The engine accepts an
            unknown rule in silence; here a typing error must not switch a rule off unnoticed.
    """
    numbers = {name: number for number, name in _LEVELS.items()}
    result: dict[str, tuple[int, dict[str, Any]]] = {}
    for policy in info.policies:
        schemas = json_format.MessageToDict(policy.configSchema.properties)
        defaults = {key: item["default"] for key, item in schemas.items() if "default" in item}
        result[policy.name] = (policy.enforcementLevel, defaults)
    initial = {
        name: {
            **json_format.MessageToDict(given.properties),
            "enforcementLevel": _LEVELS[given.enforcementLevel],
        }
        for name, given in info.initialConfig.items()
    }
    unknown = sorted(set(settings) - set(result) - {"all"})
    if unknown:
        raise AnalyzerError(f"The policy settings name rules that the pack has not: {unknown}")
    for layer in (initial, settings):
        given = {
            name: {"enforcementLevel": item} if isinstance(item, str) else dict(item)
            for name, item in layer.items()
        }
        for name, item in given.items():
            level = item.get("enforcementLevel")
            if level is not None and level not in numbers:
                raise AnalyzerError(f"{name}: {level!r} is not one of {sorted(numbers)}")
        everywhere = given.pop("all", {}).get("enforcementLevel")
        if everywhere:
            result = {name: (numbers[everywhere], item) for name, (_, item) in result.items()}
        for name, item in given.items():
            level = item.pop("enforcementLevel", None)
            current, properties = result.get(name, (0, {}))
            result[name] = (numbers[level] if level else current, {**properties, **item})
    return result


def _runtime(directory: Path) -> tuple[Path, str]:
    """The pack's program directory and the interpreter that PulumiPolicy.yaml asks for."""
    path = directory / "PulumiPolicy.yaml"
    if not path.is_file():
        raise AnalyzerError(f"No PulumiPolicy.yaml in {directory}")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    runtime = document.get("runtime") if isinstance(document, dict) else None
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    if name != "python":
        raise AnalyzerError(f"PulumiPolicy.yaml: runtime must be python, not {name!r}")
    program = (directory / str(document.get("main") or "")).resolve()
    options = (runtime.get("options") or {}) if isinstance(runtime, dict) else {}
    environment = options.get("virtualenv")
    if environment:
        python = directory / str(environment) / "bin" / "python"
        if python.exists():
            return program, str(python)
    # Without its own environment (or before it was made) the pack runs in this one.
    return program, sys.executable


def _environment(config: StackConfig, *, dry_run: bool) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key[:4] != "AWS_"}
    # A pack is run with its own directory first on its path, and with nothing of this process's.
    kept.pop("PYTHONPATH", None)
    return kept | {
        "PULUMI_ORGANIZATION": "organization",
        "PULUMI_PROJECT": config.project,
        "PULUMI_STACK": config.stack,
        "PULUMI_DRY_RUN": "true" if dry_run else "false",
        "PULUMI_CONFIG": json.dumps(dict(config.values)),
        # With every value known, a rule that cannot be evaluated is a finding like any other.
        **({} if dry_run else {"GUARDRAILS_OFFLINE": "1"}),
    }


def _stack_registration(graph: Graph) -> Registration:
    """The stack itself: the engine shows it to the rules, like every resource."""
    name = f"{graph.project}-{graph.stack}"
    return Registration(
        urn=f"urn:pulumi:{graph.stack}::{graph.project}::{STACK_TYPE}::{name}",
        type=STACK_TYPE,
        name=name,
        custom=False,
        parent="",
        provider="",
        properties=struct_pb2.Struct(),
        inputs={},
        dependencies=(),
        property_dependencies={},
        protect=False,
        retain_on_delete=False,
        ignore_changes=(),
        replace_on_changes=(),
        delete_before_replace=False,
        additional_secret_outputs=(),
        aliases=(),
        custom_timeouts={},
    )


def _properties(registration: Registration, graph: Graph) -> struct_pb2.Struct:
    """The inputs as a policy sees them: no internal keys, `tagsAll` merged."""
    properties = struct_pb2.Struct()
    for key, value in registration.properties.fields.items():
        if not key.startswith("__"):
            properties.fields[key].CopyFrom(value)
    merged = _tags_all(registration, graph)
    if merged is not None:
        json_format.ParseDict(merged, properties.fields["tagsAll"])
    return properties


def _tags_all(registration: Registration, graph: Graph) -> Any:
    """Default tags of the provider and tags of the resource; None when it cannot have any."""
    known = schema.outputs(registration.type)
    if "tagsAll" not in known and "tags" not in registration.inputs:
        return None
    if not registration.type.startswith("aws:"):
        return None
    own: Any = json_format.MessageToDict(registration.properties).get("tags") or {}
    shared = _default_tags(graph.resources.get(registration.provider))
    return UNKNOWN if UNKNOWN in (own, shared) else {**shared, **own} or None


def _default_tags(provider: Registration | None) -> Any:
    settings: Any = {} if provider is None else provider.inputs.get("defaultTags") or {}
    if settings == UNKNOWN:
        return UNKNOWN
    # A provider's nested settings travel as JSON text.
    if isinstance(settings, str):
        settings = json.loads(settings)
    return settings.get("tags") or {}


def _analyzer_resource(
    registration: Registration, graph: Graph, properties: struct_pb2.Struct
) -> analyzer_pb2.AnalyzerResource:
    """A resource as a stack policy sees it: its outputs, computed ones included."""
    state = struct_pb2.Struct()
    state.CopyFrom(properties)
    computed = schema.computed(registration.type)
    if not registration.custom:
        extra: Mapping[str, Any] = registration.outputs
    elif graph.preview:
        extra = dict.fromkeys(computed, UNKNOWN)
    else:
        extra = {name: registration.outputs.get(name) for name in computed}
    for key in sorted(extra):
        if key not in state.fields and key != "tagsAll":
            json_format.ParseDict(extra[key], state.fields[key])
    return analyzer_pb2.AnalyzerResource(
        type=registration.type,
        name=registration.name,
        urn=registration.urn,
        parent=registration.parent,
        properties=state,
        options=_options(registration),
        provider=_provider(registration, graph),
        dependencies=registration.dependencies,
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for key, urns in registration.property_dependencies.items()
        },
    )


def _options(registration: Registration) -> analyzer_pb2.AnalyzerResourceOptions:
    timeouts = analyzer_pb2.AnalyzerResourceOptions.CustomTimeouts(
        **{key: seconds(text) for key, text in registration.custom_timeouts.items()}
    )
    return analyzer_pb2.AnalyzerResourceOptions(
        protect=registration.protect,
        ignoreChanges=registration.ignore_changes,
        deleteBeforeReplace=registration.delete_before_replace,
        deleteBeforeReplaceDefined=registration.delete_before_replace,
        additionalSecretOutputs=registration.additional_secret_outputs,
        aliases=[alias for alias in registration.aliases if alias.startswith("urn:")],
        customTimeouts=timeouts,
        parent=registration.parent,
    )


def _provider(
    registration: Registration, graph: Graph
) -> analyzer_pb2.AnalyzerProviderResource | None:
    provider = graph.resources.get(registration.provider)
    if provider is None:
        return None
    return analyzer_pb2.AnalyzerProviderResource(
        type=provider.type, name=provider.name, urn=provider.urn, properties=provider.properties
    )


def seconds(text: str) -> float:
    """A duration such as `1h30m` in seconds."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def _struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(value), struct)
    return struct
