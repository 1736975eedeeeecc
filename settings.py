"""The configuration of one stack, as one frozen object: the only reader of config and environment.

`Settings.load()` either returns settings that can be deployed or raises one `pulumi.RunError` that
lists every problem with its key, value, rule and way out. What single values may be is in
`configuration.values`, what a service may be in `configuration.services`, what a stage decides in
`configuration.profiles`, what all of it may be together in `configuration.stack`. Keys are declared
in `Pulumi.yaml`, whose schema is generated from this module (`python -m docs.configuration`), so
the two cannot differ.
"""

import functools
import ipaddress
import json
import os
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Annotated, Any

import pulumi
from pulumi.runtime import config as engine_config
from pulumi.runtime import is_config_secret
from pydantic import Field, SecretStr

from components import listener_rules
from components.fargate_choices import Capacity
from configuration.budget import Budget
from configuration.cache import CacheSettings
from configuration.cdn import Cdn
from configuration.database import DatabaseSettings
from configuration.environment import SHORTEST_PASSWORD, environment_problems
from configuration.models import Absent, Model, field_problems, model_in, salvage
from configuration.plaintext import secret_arguments, secret_in
from configuration.problems import MASK, MISSING, Problem, nearest, report
from configuration.profiles import Overrides, Profile, Stage, profile_for
from configuration.services import Kind, Service
from configuration.stack import rule_problems
from configuration.values import (
    AMAZON_ISSUERS,
    Domain,
    EmailAddress,
    Endpoint,
    Flag,
    NetworkRange,
    TagValue,
    matching,
    word,
)
from configuration.waf import Waf

ENVIRONMENT_VARIABLES = {
    "ENVIRONMENT": "`staging` or `production`. When set it must match the stack, or nothing runs.",
    "DB_USERNAME": "Name of the database's master user. Absent: a name of the program's choice.",
    "DB_PASSWORD": "Its password, 8 to 128 characters. Absent: RDS makes, keeps and rotates one.",
    "AWS_ENDPOINT_URL": "Address of an emulator of AWS. When set the stack counts as `emulated`.",
    "REHEARSAL": "Set by a rehearsal, which shows a stack as AWS gets it: not `emulated`.",
}
"""What is read besides the stack's configuration. Set to nothing counts as not set, because that is
how GitHub Actions passes a variable or secret which does not exist."""

RegionName = Annotated[
    str,
    matching(
        r"[a-z]{2}(-[a-z]+)+-\d",
        "a region is written as AWS writes it",
        "write a region like eu-west-1",
    ),
]


class Region(Model):
    """The one key of another namespace that this program reads."""

    region: RegionName = Field(
        alias="aws:region", description="AWS region of the stack.", examples=["eu-west-1"]
    )


class Credentials(Model):
    """The database's master user, when the environment names one; neither half is ever shown."""

    username: SecretStr | None = None
    password: SecretStr | None = None

    @property
    def username_output(self) -> "pulumi.Output[str] | None":
        """The name as a Pulumi secret, or None to leave it to the component."""
        return _secret_output(self.username)

    @property
    def password_output(self) -> "pulumi.Output[str] | None":
        """The password as a Pulumi secret, or None to leave it to RDS."""
        return _secret_output(self.password)


def _secret_output(value: SecretStr | None) -> "pulumi.Output[str] | None":
    return None if value is None else pulumi.Output.secret(value.get_secret_value())


class Settings(Model):
    """Everything that a stack file decides, one field for each key of `Pulumi.yaml`."""

    stage: Annotated[Stage, word(Stage, "the stage")] = Field(
        description="How much the stack matters; every safety choice follows from it.",
        examples=["staging"],
    )
    owner: TagValue = Field(
        description="Who answers for the stack; the tag Owner of every resource.",
        examples=["platform"],
    )
    cost_center: TagValue = Field(
        description="Who pays for the stack; the tag CostCenter of every resource.",
        examples=["indii-music"],
    )
    account_id: Annotated[
        str, matching(r"(\d{12})?", "an account is 12 digits", "write 12 digits, in quotes")
    ] = Field(default="", description="The only AWS account the stack may touch; empty allows any.")
    emulated: Flag = Field(
        default=False,
        description="Whether AWS is an emulator: what the provider cannot do there is left out.",
    )
    network_cidr: NetworkRange = Field(
        default=ipaddress.IPv4Network("10.0.0.0/16"),
        description="Private IPv4 range of the VPC, /16 to /20.",
    )
    zones: tuple[str, ...] = Field(
        description="Availability Zones, two to six of the region.",
        examples=["[eu-west-1a, eu-west-1b]"],
    )
    interface_endpoints: tuple[Endpoint, ...] = Field(
        default=(),
        description="AWS services that private subnets reach without NAT, as ecr.api or logs.",
    )
    ipv6: Flag = Field(
        default=False,
        description="Whether the VPC and its load balancer also speak IPv6.",
    )
    flow_logs: Flag = Field(default=True, description="Whether connections in the VPC are logged.")
    zone_name: Domain = Field(
        description="DNS zone that holds every name of the stack.",
        examples=["staging.babyrobots.example"],
    )
    zone_id: Annotated[
        str,
        matching(r"(Z[A-Z0-9]{1,31})?", "a hosted zone's id begins with Z", 'write "" or its id'),
    ] = Field(default="", description="Hosted zone to adopt; empty creates one.")
    hostname: Domain = Field(
        description="Name that users reach the stack by; inside zoneName.",
        examples=["api.staging.babyrobots.example"],
    )
    caa_issuers: tuple[Domain, ...] = Field(
        default=AMAZON_ISSUERS, description="Authorities that may issue certificates for the zone."
    )
    dns_query_logging: Flag = Field(default=False, description="Whether DNS queries are logged.")
    cdn: Cdn = Field(
        default=Cdn(), description="Whether and how CloudFront stands before the load balancer."
    )
    waf: Waf = Field(
        default=Waf(),
        description="What the firewall refuses; the stage decides whether it blocks or counts.",
    )
    alarm_emails: tuple[EmailAddress, ...] = Field(
        default=(), description="Addresses that hear of alarms, once their owners confirm."
    )
    image_digest: Annotated[
        str,
        matching(
            r"(sha256:[0-9a-f]{64})?",
            "an image is named by its digest, which cannot be moved",
            "write sha256: and 64 hex digits, as the push printed it, or empty before the first",
        ),
    ] = Field(
        default="",
        description="Image in the stack's repository; empty before the first push: services that "
        "use it wait.",
    )
    image_build: Annotated[
        str,
        matching(
            r"(?!/)(?!.*\.\.)[\w./-]*", "a build context is a folder of the project", "write ./app"
        ),
    ] = Field(
        default="",
        description="Folder that pulumi builds the image from, for a laptop; empty: CI pushes.",
    )
    execute_command: Flag = Field(
        default=False, description="Whether operators may open a shell in a task (ECS Exec)."
    )
    services: tuple[Service, ...] = Field(
        description="What runs: services, workers and scheduled jobs.",
        examples=["- name: api, with its port below it"],
    )
    database: DatabaseSettings = Field(
        default=DatabaseSettings(), description="The PostgreSQL database."
    )
    cache: CacheSettings = Field(default=CacheSettings(), description="The Valkey cache.")
    budget: Budget = Field(
        default=Budget(), description="What the stack may cost, before it is applied and after."
    )
    overrides: Overrides = Field(
        default=Overrides(),
        description="Single choices of the stage that this stack makes differently.",
    )

    # Not keys: what `load` learns elsewhere.
    _stack: str = ""
    _region: str = ""
    _credentials: Credentials = Credentials()

    @classmethod
    def load(cls) -> "Settings":
        """Reads the stack's configuration and the environment.

        Raises:
            pulumi.RunError: Something is wrong; its message lists every problem.
        """
        config = read_config()
        encrypted = {*engine_config.get_config_secret_keys_env()}
        return cls.parse(
            config,
            dict(os.environ),
            stack=pulumi.get_stack(),
            project=pulumi.get_project(),
            encrypted={key for key in config if key in encrypted or is_config_secret(key)},
        )

    @classmethod
    def parse(
        cls,
        config: Mapping[str, str],
        environment: Mapping[str, str],
        *,
        stack: str,
        project: str = "babyrobots",
        encrypted: Set[str] = frozenset(),
    ) -> "Settings":
        """The same from given values: `{"babyrobots:stage": "staging", "aws:region": ...}`.

        Args:
            config: Every key of the stack with its namespace; lists and groups as JSON.
            environment: Environment variables.
            stack: Name of the stack.
            project: Name of the project, which is the namespace of its keys.
            encrypted: Keys of `config` that are secrets; no error shows their values.

        Raises:
            pulumi.RunError: Something is wrong; its message lists every problem.
        """
        environment = {key: text for key in ENVIRONMENT_VARIABLES if (text := environment.get(key))}
        prefix = f"{project}:"
        own = {
            key.removeprefix(prefix): text for key, text in config.items() if key.startswith(prefix)
        }
        password = environment.get("DB_PASSWORD", "")
        hidden = (password,) if len(password) >= SHORTEST_PASSWORD else ()
        if not any(name in own for name in _required()):
            problems = [*_missing_entirely(stack), *field_problems(cls, "", {})]
            raise pulumi.RunError(report(stack, project, problems))

        data = _decoded(own)
        problems = [*_foreign_problems(config)]
        problems += _plaintext_problems(data, hidden)
        problems += field_problems(cls, "", data)
        broken = {problem.key for problem in problems}
        # With nothing wrong so far this is the whole; otherwise, what there is of it.
        settings = salvage(cls, data) if broken else cls.model_validate(data)
        region = "" if "aws:region" in broken else config["aws:region"]
        settings = settings._completed(stack, region, environment)
        stage = None if "stage" in broken else settings.stage
        problems += [*rule_problems(settings), *environment_problems(stage, environment)]
        if problems:
            hidden += tuple(_texts(config[key] for key in encrypted if key in config))
            raise pulumi.RunError(report(stack, project, _sorted(problems), hidden))
        if "AWS_ENDPOINT_URL" in environment and "REHEARSAL" not in environment:
            # Whatever the stack file says: where AWS is not, the provider needs what `emulated` is.
            return settings.model_copy(update={"emulated": True})
        return settings

    def _completed(self, stack: str, region: str, environment: Mapping[str, str]) -> "Settings":
        username, password = environment.get("DB_USERNAME"), environment.get("DB_PASSWORD")
        private = {
            "_stack": stack,
            "_region": region,
            "_credentials": Credentials.model_construct(
                username=SecretStr(username) if username else None,
                password=SecretStr(password) if password else None,
            ),
        }
        object.__setattr__(self, "__pydantic_private__", private)
        return self

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return self._stack

    @property
    def region(self) -> str:
        """`aws:region`."""
        if not self._region:
            raise Absent("region")
        return self._region

    @property
    def credentials(self) -> Credentials:
        """The database's master user, as far as the environment names it."""
        return self._credentials

    @functools.cached_property
    def profile(self) -> Profile:
        """What the stage decides, with the stack's overrides."""
        return profile_for(self.stage, self.overrides)

    @property
    def critical(self) -> bool:
        """Whether the stack is production."""
        return self.profile.critical

    @property
    def tags(self) -> dict[str, str]:
        """Tags of every resource, besides those that name the project and the stack."""
        return {"Stage": self.stage.value, "Owner": self.owner, "CostCenter": self.cost_center}

    @property
    def hostnames(self) -> tuple[str, ...]:
        """Every name that the load balancer answers to, the stack's own first, each once."""
        hosts = [self.host_of(service) for service in self.services if service.public]
        return tuple(dict.fromkeys([self.hostname, *hosts]))

    @property
    def cdn_enabled(self) -> bool:
        """Whether CloudFront is the way in; moto knows no VPC origins for the real provider."""
        return self.cdn.enabled and not self.emulated

    @property
    def has_image(self) -> bool:
        """Whether the stack's own repository has an image to run, or gets one from this program."""
        return bool(self.image_digest or self.image_build)

    @property
    def deployable_services(self) -> tuple[Service, ...]:
        """Services, workers and jobs whose image exists."""
        return tuple(s for s in self.services if s.image or self.has_image)

    @property
    def waiting_services(self) -> tuple[Service, ...]:
        """Those that wait for the first image in the stack's repository."""
        return tuple(s for s in self.services if not s.image and not self.has_image)

    def of_kind(self, *kinds: Kind) -> tuple[Service, ...]:
        """Deployable services of these kinds."""
        return tuple(s for s in self.deployable_services if s.kind in kinds)

    def host_of(self, service: Service) -> str:
        """The name that a public service answers to."""
        return (service.public and service.public.host) or self.hostname

    def capacity_of(self, service: Service) -> Capacity:
        """Where a service runs: as it says, else as the stage has it for what is (not) critical."""
        if service.capacity is not None:
            return service.capacity
        profile = self.profile
        capacity = profile.capacity if service.critical else profile.noncritical_capacity
        # A job is one task, and the first task of a mixed service runs on demand.
        one_task = service.kind is Kind.JOB and capacity is Capacity.MIXED
        return Capacity.ON_DEMAND if one_task else capacity

    def listener_rule_of(self, service: Service) -> listener_rules.Rule:
        """The load balancer's rule for a public service."""
        paths, slot = (service.public.paths, service.public.slot) if service.public else ((), None)
        return listener_rules.rule(service.name, (self.host_of(service),), paths, slot)


def read_config() -> dict[str, str]:
    """Every key of the stack with its namespace, as text.

    `pulumi.Config` can look a key up but not list keys, and only a list shows a misspelt one.
    The SDK keeps two bags: what a program set by `set_all_config`, and PULUMI_CONFIG, which is
    how the engine's language host passes it; `pulumi.Config` then says which of the two counts.
    https://github.com/pulumi/pulumi/blob/master/sdk/python/lib/pulumi/runtime/config.py
    """
    keys = {*engine_config.get_config_env(), *engine_config.CONFIG.get()}
    found = {}
    for key in sorted(keys):
        namespace, _, name = key.partition(":")
        text = pulumi.Config(namespace).get(name)
        if text is not None:
            found[key] = text
    return found


def _required() -> list[str]:
    return [f.alias or name for name, f in Settings.model_fields.items() if f.is_required()]


def _missing_entirely(stack: str) -> Iterator[Problem]:
    yield Problem(
        key=f"Pulumi.{stack}.yaml",
        value=MISSING,
        rule="a stack has a file with its configuration, and this one has none",
        instead=f"copy Pulumi.staging.yaml to Pulumi.{stack}.yaml and change what differs",
        namespaced=True,
    )


def _decoded(own: Mapping[str, str]) -> dict[str, Any]:
    """Values as they were written: the engine passes lists and groups as JSON."""
    data: dict[str, Any] = {}
    fields = {field.alias or name: field for name, field in Settings.model_fields.items()}
    for key, text in own.items():
        annotation = fields[key].annotation if key in fields else None
        structured = model_in(annotation) or typing.get_origin(annotation) is tuple
        data[key] = text
        if structured or (annotation is None and text[:1] in "[{"):
            try:
                data[key] = json.loads(text)
            except ValueError:
                continue  # left as text, which the field refuses by its type
    return data


def _texts(values: Iterable[str]) -> Iterator[str]:
    """Every text within values that were decrypted for this run."""
    for value in values:
        try:
            pending = [json.loads(value)]
        except ValueError:
            pending = [value]
        while pending:
            item = pending.pop()
            if isinstance(item, str) and item:
                yield item
            elif isinstance(item, Mapping):
                pending += item.values()
            elif isinstance(item, list):
                pending += item


def _foreign_problems(config: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with `aws:` keys: the region is read, anything else would be ignored."""
    given = {"aws:region": config["aws:region"]} if "aws:region" in config else {}
    for problem in field_problems(Region, "", given):
        yield Problem(
            key="aws:region",
            value=problem.value,
            rule=problem.rule,
            instead=problem.instead,
            namespaced=True,
        )
    for key in sorted(config):
        if key.startswith("aws:") and key != "aws:region":
            yield Problem(
                key=key,
                value=config[key],
                rule="the program makes its own AWS provider, which takes nothing but aws:region"
                " from the stack file; this key would be ignored",
                instead=f"{nearest(key, ['aws:region'])}set credentials and profile in the"
                " environment (AWS_PROFILE, AWS_ACCESS_KEY_ID, OIDC)",
                namespaced=True,
            )


def _plaintext_problems(data: Mapping[str, Any], hidden: tuple[str, ...]) -> Iterator[Problem]:
    """Secrets written where everybody sees them who reads the repository or a task definition."""
    for key, name, reason in _secrets_within("", "", data, hidden):
        variable = name or "NAME"
        yield Problem(
            key=key,
            value=MASK,
            rule=f"no secret is written in plain text, and {reason}",
            instead="put it in Secrets Manager, write"
            f" secrets: {{{variable}: <name or ARN>}}, and replace it, since it has been seen",
        )


def _secrets_within(
    key: str, name: str, value: Any, hidden: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """Path, name and reason of every secret in a value."""
    if isinstance(value, Mapping):
        for child, item in value.items():
            path = f"{key}.{child}" if key else str(child)
            # Under `secrets` a name says what the reference refers to, and says it rightly.
            named = "" if key.endswith(".secrets") else str(child)
            yield from _secrets_within(path, named, item, hidden)
    elif isinstance(value, list):
        for position, reason in secret_arguments(value):
            yield f"{key}[{position}]", "", reason
        for position, item in enumerate(value):
            if not isinstance(item, str):
                yield from _secrets_within(f"{key}[{position}]", "", item, hidden)
            elif item in hidden:
                yield f"{key}[{position}]", "", "it is DB_PASSWORD"
    elif isinstance(value, str):
        reason = "it is DB_PASSWORD" if value in hidden else secret_in(name, value)
        if reason:
            yield key, name, reason


def _sorted(problems: list[Problem]) -> list[Problem]:
    """In the order in which the keys are declared, so that the error reads like the stack file."""
    order = {field.alias: place for place, field in enumerate(Settings.model_fields.values())}

    def place(problem: Problem) -> tuple[int, int, int]:
        first, *rest = re.split(r"[.\[\]]+", problem.key)
        group = 0 if problem.namespaced else 2 if problem.environment else 1
        item = int(rest[0]) if rest and rest[0].isdigit() else 0
        return group, order.get(first, len(order)), item

    unique = {(p.key, p.rule): p for p in problems}
    return sorted(unique.values(), key=place)
