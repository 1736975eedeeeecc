"""The rehearsal itself: configuration, preview, policies, deployment, verification, report.

`rehearse()` never raises for what a stack can do wrong; the report says it, with the exit code that
the command line returns.
"""

import contextlib
import dataclasses
import enum
import functools
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from rehearsal import program
from rehearsal.analyzer import AnalyzerError, Finding, PolicyPack
from rehearsal.answers import Answerer, LookupFailedError
from rehearsal.config import ConfigError, StackConfig, load_config
from rehearsal.critical_path import CriticalPath, critical_path
from rehearsal.emulator import (
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    FAKE_CREDENTIALS,
    Emulator,
    EmulatorError,
)
from rehearsal.masking import MASK, Masker
from rehearsal.recording import (
    DefaultProviderDenied,
    DuplicateResourceError,
    Graph,
    Registration,
    unknown_answer,
)

if TYPE_CHECKING:
    from rehearsal.deploy import Deployer

VERIFY_SECONDS = 60.0
_GROUPS = ("created", "validated")


class Status(enum.StrEnum):
    """How a rehearsal ended."""

    VERIFIED = "verified"
    REFUSED = "refused"
    """By a policy, before anything was created."""
    FAILED = "failed"
    """The program, a creation or a verification failed."""
    MISCONFIGURED = "misconfigured"
    """The project, the stack file or the program's own settings."""

    @property
    def exit_code(self) -> int:
        """What the command line returns."""
        return {Status.VERIFIED: 0, Status.MISCONFIGURED: 2}.get(self, 1)


class Step(enum.StrEnum):
    """What a rehearsal does, in order."""

    CONFIG = "config"
    PREVIEW = "preview"
    POLICIES = "policies"
    DEPLOY = "deploy"
    VERIFY = "verify"


class UnforeseenResourceError(Exception):
    """A resource that only the deployment registered, so no policy has seen it."""


class MissingHandlersError(Exception):
    """Resource types that the rehearsal cannot create."""


class CreationFailedError(Exception):
    """The deployer could not create a resource; the message is its own."""


class VerificationError(Exception):
    """The verification itself failed, before it could say what holds."""


class Observer:
    """Told what a rehearsal is doing; does nothing with it. Subclass it to show something."""

    def step(self, step: Step) -> None:
        """A step begins."""

    def creating(self, total: int) -> None:
        """Creation begins; `total` resources are to come."""

    def resource(self, registration: Registration, state: str) -> None:
        """A resource is `creating`, `created` or `validated`."""

    def verifying(self, *details: object) -> None:
        """Verification goes on."""


@dataclasses.dataclass(kw_only=True)
class ResourceState:
    """One line of the tree of what was created."""

    urn: str
    type: str
    name: str
    parent: str
    id: str
    state: str
    """created, validated, component, provider, or planned when it did not come to that."""


@dataclasses.dataclass(kw_only=True)
class ValidatedOperation:
    """An operation that AWS's service model accepts and the emulator lacks."""

    type: str
    name: str
    operation: str
    reason: str


@dataclasses.dataclass(kw_only=True)
class CheckResult:
    """One promise, and whether what was deployed keeps it."""

    name: str
    subject: str
    ok: bool
    detail: str
    looked_at: bool = True
    """False when there was nothing to look at, and `detail` says why."""


@dataclasses.dataclass(kw_only=True)
class Report:
    """What a rehearsal found out. Holds no secret."""

    stack: str
    status: Status = Status.FAILED
    project: str = ""
    region: str = ""
    account_id: str = ""
    problems: list[str] = dataclasses.field(default_factory=list)
    """Why it did not end verified, when no finding or check says it."""
    notes: list[str] = dataclasses.field(default_factory=list)
    """What a reader must know about this rehearsal."""
    findings: list[Finding] = dataclasses.field(default_factory=list)
    rules: int = 0
    resources: list[ResourceState] = dataclasses.field(default_factory=list)
    validated: list[ValidatedOperation] = dataclasses.field(default_factory=list)
    checks: list[CheckResult] = dataclasses.field(default_factory=list)
    outputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    path: CriticalPath | None = None
    requests: int = 0
    """API requests that the emulator answered."""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    """By step, and `total`."""
    endpoint: str = ""
    """Of the emulator, when it was kept."""

    @property
    def exit_code(self) -> int:
        """0 verified, 1 refused or failed, 2 misconfigured."""
        return self.status.exit_code

    @property
    def counts(self) -> dict[str, int]:
        """Resources by state, and the total of those a provider creates."""
        states = [resource.state for resource in self.resources]
        counted = {state: states.count(state) for state in (*_GROUPS, "component", "planned")}
        return counted | {"resources": sum(counted[state] for state in (*_GROUPS, "planned"))}

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        path = self.path
        return {
            "stack": self.stack,
            "project": self.project,
            "status": self.status.value,
            "exitCode": self.exit_code,
            "region": self.region,
            "accountId": self.account_id,
            "problems": self.problems,
            "notes": self.notes,
            "counts": self.counts,
            "rules": self.rules,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "resources": [dataclasses.asdict(resource) for resource in self.resources],
            "validated": [dataclasses.asdict(operation) for operation in self.validated],
            "checks": [dataclasses.asdict(check) for check in self.checks],
            "outputs": self.outputs,
            "criticalPath": None
            if path is None
            else {
                "seconds": path.seconds,
                "oneByOne": path.one_by_one,
                "dated": path.dated,
                "steps": [dataclasses.asdict(step) for step in path.steps],
            },
            "requests": self.requests,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "endpoint": self.endpoint,
        }


Verify = Callable[..., Sequence[Any]]
"""`ops.verify.verify`: (outputs, session, *, endpoint_url, timeout, on_progress) -> checks."""


def rehearse(
    stack: str,
    directory: Path,
    *,
    observer: Observer | None = None,
    policies: Path | None = None,
    policy_settings: Mapping[str, Any] | None = None,
    keep: Callable[[Emulator], None] | None = None,
    deployer: "Callable[..., Deployer] | None" = None,
    verify: Verify | None = None,
) -> Report:
    """Rehearses `pulumi up` of one stack against an embedded AWS.

    Args:
        stack: Its name.
        directory: The project's, with Pulumi.yaml.
        observer: Told what is going on. Defaults to nobody.
        policies: The policy pack's directory. Defaults to `policies` in the project's.
        policy_settings: As in a `--policy-pack-config` file. Defaults to none.
        keep: Given the emulator, still running, when something was deployed; the caller stops it.
            Defaults to none: the emulator ends with the rehearsal.
        deployer: Makes the deployer. Defaults to `rehearsal.deploy.Deployer`.
        verify: Reads the result back. Defaults to `ops.verify.verify`.
    """
    report = Report(stack=stack)
    run = _Rehearsal(
        report,
        observer or Observer(),
        policies or directory / "policies",
        policy_settings or {},
        deployer or _default_deployer,
        verify or _default_verify,
        keep,
    )
    started = time.monotonic()
    try:
        run.all(stack, directory.resolve())
    except ConfigError as error:
        run.fail(Status.MISCONFIGURED, error.problems)
    except pulumi.RunError as error:
        run.fail(Status.MISCONFIGURED, [str(error)])
    except (
        AnalyzerError,
        CreationFailedError,
        DefaultProviderDenied,
        DuplicateResourceError,
        EmulatorError,
        LookupFailedError,
        MissingHandlersError,
        UnforeseenResourceError,
        VerificationError,
        program.ProgramError,
    ) as error:
        run.fail(Status.FAILED, [str(error)])
    finally:
        report.seconds["total"] = time.monotonic() - started
    return report


class _Rehearsal:
    def __init__(
        self,
        report: Report,
        observer: Observer,
        policies: Path,
        policy_settings: Mapping[str, Any],
        deployer: "Callable[..., Deployer]",
        verify: Verify,
        keep: Callable[[Emulator], None] | None,
    ) -> None:
        self._report = report
        self._observer = observer
        self._policies = policies
        self._policy_settings = policy_settings
        self._make_deployer = deployer
        self._verify_with = verify
        self._keep = keep
        self._masker = Masker()

    def fail(self, status: Status, problems: Sequence[str]) -> None:
        self._report.status = status
        self._report.problems = [self._masker.text(problem) for problem in problems]

    def all(self, stack: str, directory: Path) -> None:
        report = self._report
        with self._step(Step.CONFIG):
            config = load_config(directory, stack)
            self._masker = Masker(config)
            report.project = config.project
            report.region = config.get("aws:region") or DEFAULT_REGION
            report.account_id = config.get("accountId") or DEFAULT_ACCOUNT
            report.notes = _notes(config)
        with contextlib.ExitStack() as running:
            helpers = _Helpers(running, config, self._policies, self._policy_settings, report)
            graph = self._analyzed(config, helpers)
            if any(finding.blocks for finding in report.findings):
                report.status = Status.REFUSED
                return
            emulator = helpers.emulator()
            try:
                deployed, deployer = self._deploy(config, graph, helpers, emulator)
                self._verify(deployed, deployer, emulator)
                report.requests = len(emulator.requests())
            finally:
                if self._keep is not None:
                    helpers.kept = emulator
                    report.endpoint = emulator.endpoint
                    self._keep(emulator)

    def _analyzed(self, config: StackConfig, helpers: "_Helpers") -> Graph:
        """Both graphs, shown to every rule; returns the resolved one."""
        report = self._report
        answers = Answerer(report.account_id, report.region)

        def lookup(token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            known = answers.lookup(token, arguments)
            if known is not None:
                return known
            # Asks, never creates; the deployment would get the same answer.
            deployer = self._make_deployer(
                helpers.emulator().endpoint, report.region, report.account_id, None
            )
            return _asked(deployer, token, arguments)

        with self._step(Step.PREVIEW):
            preview = program.run_project(
                config, answer=unknown_answer, lookup=lookup, preview=True
            )
            self._masker.learn(preview)
            resolved = program.run_project(config, answer=answers.answer, lookup=lookup)
            self._masker.learn(resolved)
            report.resources = _states(resolved, {})
            report.path = critical_path(resolved)
        with self._step(Step.POLICIES):
            report.findings = self._judged(helpers, preview, resolved)
        return resolved

    def _judged(self, helpers: "_Helpers", preview: Graph, resolved: Graph) -> list[Finding]:
        # Two packs in two processes: neither graph waits for the other's rules.
        first = helpers.pool.submit(lambda: helpers.pack(preview=True).analyze(preview))
        findings = helpers.pack(preview=False).analyze(resolved)
        self._report.rules = len(helpers.pack(preview=False).rules)
        seen = {(finding.rule, finding.urn, finding.reason) for finding in findings}
        # What both graphs show is shown once.
        findings += [
            finding
            for finding in first.result()
            if (finding.rule, finding.urn, finding.reason) not in seen
        ]
        return [
            dataclasses.replace(
                finding,
                reason=self._masker.text(finding.reason),
                remedy=self._masker.text(finding.remedy),
            )
            for finding in sorted(findings)
        ]

    def _deploy(
        self, config: StackConfig, resolved: Graph, helpers: "_Helpers", emulator: Emulator
    ) -> tuple[Graph, "Deployer"]:
        report = self._report
        with self._step(Step.DEPLOY):
            deployer = self._make_deployer(
                emulator.endpoint, report.region, report.account_id, self._observer.resource
            )
            missing = deployer.missing(resolved)
            if missing:
                raise MissingHandlersError(
                    f"The rehearsal has no handler for {', '.join(missing)}. "
                    f"Add one under rehearsal/handlers/."
                )
            self._observer.creating(len(resolved.custom))
            pack = helpers.pack(preview=False)
            registered: dict[str, Registration] = {}

            def create(registration: Registration) -> tuple[str, Mapping[str, Any]]:
                if registration.urn not in resolved.resources:
                    raise UnforeseenResourceError(
                        f"{registration.urn} was not registered until the deployment, so no "
                        f"policy has judged it. A program must not decide by an output whether "
                        f"a resource exists."
                    )
                if pack.remediates:
                    pack.remediate(registration, resolved.resources)
                registered[registration.urn] = registration
                try:
                    return deployer.create(registration)
                except Exception as error:
                    raise CreationFailedError(_reason(registration, error)) from error

            try:
                deployed = program.run_project(
                    config,
                    answer=create,
                    lookup=functools.partial(_asked, deployer),
                    endpoint=emulator.endpoint,
                )
                self._masker.learn(deployed)
            finally:
                self._record(resolved, deployer, registered)
            report.outputs = {
                name: MASK if name in deployed.secret_exports else self._masker.value(value)
                for name, value in deployed.exports.items()
            }
        return deployed, deployer

    def _record(
        self, graph: Graph, deployer: "Deployer", registered: Mapping[str, Registration]
    ) -> None:
        states = {validated.urn: "validated" for validated in deployer.validated}
        states |= {created.urn: "created" for created in deployer.created}
        resources = {**graph.resources, **registered}
        report = self._report
        report.resources = _states(dataclasses.replace(graph, resources=resources), states)
        report.validated = [
            ValidatedOperation(
                type=validated.type,
                name=validated.name,
                operation=validated.operation,
                reason=validated.reason,
            )
            for validated in deployer.validated
        ]

    def _verify(self, deployed: Graph, deployer: "Deployer", emulator: Emulator) -> None:
        import boto3

        del deployer
        report = self._report
        with (
            self._step(Step.VERIFY),
            program.emulator_environment(emulator.endpoint, report.region),
        ):
            session = boto3.Session(
                aws_access_key_id=FAKE_CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=FAKE_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
                region_name=report.region,
            )
            try:
                checks = self._verify_with(
                    dict(deployed.exports),
                    session,
                    endpoint_url=emulator.endpoint,
                    timeout=VERIFY_SECONDS,
                    on_progress=self._observer.verifying,
                )
            except Exception as error:
                where = "".join(traceback.format_exception(error)).rstrip()
                raise VerificationError(f"The verification failed\n{where}") from error
        report.checks = [
            CheckResult(
                name=check.name,
                subject=self._masker.text(str(check.subject)),
                ok=bool(check.ok),
                looked_at=getattr(check, "status", None) != "skipped",
                detail=self._masker.text(str(check.detail)),
            )
            for check in checks
        ]
        if not report.checks:
            report.problems = ["The verification checked nothing."]
        verified = bool(report.checks) and all(check.ok for check in report.checks)
        report.status = Status.VERIFIED if verified else Status.FAILED

    @contextlib.contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        self._observer.step(step)
        started = time.monotonic()
        try:
            yield
        finally:
            self._report.seconds[step.value] = time.monotonic() - started


class _Helpers:
    """The emulator and the policy packs: started at once, each awaited when needed, all ended."""

    def __init__(
        self,
        running: contextlib.ExitStack,
        config: StackConfig,
        policies: Path,
        settings: Mapping[str, Any],
        report: Report,
    ) -> None:
        self.pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="rehearsal")
        self.kept: Emulator | None = None
        self._packs = {
            preview: self.pool.submit(
                PolicyPack, policies, config, dry_run=preview, settings=settings
            )
            for preview in (True, False)
        }
        self._emulator = self.pool.submit(Emulator, report.account_id)
        running.callback(self._end)

    def pack(self, *, preview: bool) -> PolicyPack:
        """The pack that judges the preview, or the one that judges the resolved graph."""
        return self._packs[preview].result()

    def emulator(self) -> Emulator:
        return self._emulator.result()

    def _end(self) -> None:
        futures: list[Future[Any]] = [*self._packs.values(), self._emulator]
        for future in futures:
            # Waits for one still starting: only a started process can be ended.
            if future.exception() is None and future.result() is not self.kept:
                future.result().stop()
        self.pool.shutdown()


def _states(graph: Graph, states: Mapping[str, str]) -> list[ResourceState]:
    def state(registration: Registration) -> str:
        if registration.type.startswith("pulumi:providers:"):
            return "provider"
        if not registration.custom:
            return "component"
        return states.get(registration.urn, "planned")

    return [
        ResourceState(
            urn=registration.urn,
            type=registration.type,
            name=registration.name,
            parent=registration.parent if registration.parent in graph.resources else "",
            id=registration.id if registration.urn in states else "",
            state=state(registration),
        )
        for registration in graph
    ]


def _asked(deployer: "Deployer", token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return deployer.lookup(token, arguments)
    except LookupError as error:
        raise LookupFailedError(str(error)) from error


def _reason(registration: Registration, error: Exception) -> str:
    # The deployer's own error names resource, operation and parameters. Any other is a fault in a
    # handler, and then the place in the code is what helps.
    if type(error).__name__ == "CreationError":
        return str(error)
    where = "".join(traceback.format_exception(error)).rstrip()
    return f"{registration.type} {registration.name!r}: the handler failed\n{where}"


def _notes(config: StackConfig) -> list[str]:
    return [
        f"{key} is encrypted in the stack file and was replaced by a made-up value. "
        f"To rehearse with another: REHEARSAL_CONFIG='{{\"{key}\": ...}}'"
        for key in config.substituted
    ]


def _default_deployer(*arguments: Any) -> "Deployer":
    from rehearsal.deploy import Deployer

    return Deployer(*arguments)


def _default_verify(*arguments: Any, **named: Any) -> Sequence[Any]:
    # Imported late: it is needed last, and only when something was deployed.
    from ops.verify import verify

    return verify(*arguments, **named)
