"""Rules over a whole configuration: what its parts may be together.

Each is skipped when a value that it needs was itself refused, see `configuration.models.salvage`.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from components import listener_rules
from components.fargate_choices import Capacity
from components.subnets import FEWEST_ZONES, ZONE_LETTERS, NatStrategy
from configuration.cdn import delivery_is_possible
from configuration.environment import RESERVED_DATABASE_WORDS
from configuration.models import Absent
from configuration.problems import Problem, listed, nearest
from configuration.profiles import Stage
from configuration.services import SERVICE_RULES, Kind, Service, by_name
from configuration.values import AMAZON_ISSUERS, pinned, windows_overlap
from configuration.waf import firewall_is_possible

if TYPE_CHECKING:
    from settings import Settings

_LONGEST_CERTIFICATE_NAME = 64
"""https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html"""
_FEWEST_CRITICAL_BACKUPS = 7
_ENDPOINTS_WITHOUT_NAT = ("ecr.api", "ecr.dkr", "logs")
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html"""


def _with(services: Sequence[Service], *names: str) -> Iterator[tuple[int, Service]]:
    """Services, with their positions, of which none of these values was refused."""
    for position, service in enumerate(services):
        if all(name in service.__dict__ for name in names):
            yield position, service


def _zones_belong_to_the_region(settings: "Settings") -> Iterator[Problem]:
    zones, region = settings.zones, settings.region
    most = len(ZONE_LETTERS)
    if not FEWEST_ZONES <= len(zones) <= most:
        letters = ZONE_LETTERS[: max(FEWEST_ZONES, min(len(zones), most))]
        yield Problem(
            key="zones",
            value=zones,
            rule=f"a stack spans {FEWEST_ZONES} to {most} zones: a load balancer needs two, and no"
            " region has more than six",
            instead=f"write [{', '.join(f'{region}{letter}' for letter in letters)}]",
        )
        if len(zones) > most:
            return  # which of them are too many is for the reader to decide
    for position, zone in enumerate(zones):
        if zone in zones[:position]:
            yield Problem(
                key=f"zones[{position}]",
                value=zone,
                rule="each zone is named once",
                instead="remove it, or write another zone of the region",
            )
        if not (zone[:-1] == region and zone[-1:] in set(ZONE_LETTERS)):
            yield Problem(
                key=f"zones[{position}]",
                value=zone,
                rule=f"a zone is an Availability Zone of aws:region, which is {region}",
                instead=f"write {region}a to {region}{ZONE_LETTERS[-1]}",
            )


def _names_are_in_the_zone(settings: "Settings") -> Iterator[Problem]:
    yield from _outside(settings, "hostname", settings.hostname)
    if len(settings.hostname) > _LONGEST_CERTIFICATE_NAME:
        yield Problem(
            key="hostname",
            value=settings.hostname,
            rule=f"a certificate's first name has up to {_LONGEST_CERTIFICATE_NAME} characters",
            instead="write a shorter name",
        )


def _host_is_in_the_zone(settings: "Settings", service: Service, path: str) -> Iterator[Problem]:
    if service.public and service.public.host:
        yield from _outside(settings, f"{path}.public.host", service.public.host)


def _outside(settings: "Settings", key: str, host: str) -> Iterator[Problem]:
    zone = settings.zone_name
    if host != zone and not host.endswith(f".{zone}"):
        yield Problem(
            key=key,
            value=host,
            rule=f"every name is in the stack's zone, which is {zone}",
            instead=f"write {host.partition('.')[0]}.{zone}",
        )


def _amazon_may_issue(settings: "Settings") -> Iterator[Problem]:
    if not set(settings.caa_issuers) & set(AMAZON_ISSUERS):
        yield Problem(
            key="caaIssuers",
            value=settings.caa_issuers,
            rule="the stack's certificate comes from Amazon, so Amazon must be allowed to issue",
            instead=f"add {listed(AMAZON_ISSUERS)}",
        )


def _private_subnets_reach_what_they_need(settings: "Settings") -> Iterator[Problem]:
    if settings.profile.nat_strategy is not NatStrategy.NONE:
        return
    needed = [*_ENDPOINTS_WITHOUT_NAT]
    if settings.database.enabled or any(service.secrets for service in settings.services):
        needed.append("secretsmanager")
    missing = [name for name in needed if name not in settings.interface_endpoints]
    if missing:
        yield Problem(
            key="interfaceEndpoints",
            value=settings.interface_endpoints,
            rule="without NAT no task starts unless it reaches its image, its logs and its secrets"
            " through endpoints",
            instead=f"add {listed(missing, 'and')}, or write overrides: {{natStrategy: single}}",
        )


def _endpoints_are_named_once(settings: "Settings") -> Iterator[Problem]:
    for position, name in enumerate(settings.interface_endpoints):
        if name in settings.interface_endpoints[:position]:
            yield Problem(
                key=f"interfaceEndpoints[{position}]",
                value=name,
                rule="each endpoint is named once",
                instead="remove it",
            )


def _an_image_has_one_source(settings: "Settings") -> Iterator[Problem]:
    if settings.image_build and settings.image_digest:
        yield Problem(
            key="imageBuild",
            value=settings.image_build,
            rule="the image is either built here or named by imageDigest",
            instead='write imageBuild: "", or imageDigest: ""',
        )
    if settings.image_build and settings.stage is Stage.PRODUCTION:
        yield Problem(
            key="imageBuild",
            value=settings.image_build,
            rule="production runs what CI has built, scanned and tried in staging",
            instead='write imageBuild: "", and let the deployment set imageDigest',
        )


def _production_is_not_weakened(settings: "Settings") -> Iterator[Problem]:
    if settings.stage is not Stage.PRODUCTION:
        return
    overrides = settings.overrides
    refused: tuple[tuple[str, object, bool, str, str], ...] = (
        (
            "offHours",
            overrides.off_hours and overrides.off_hours.model_dump(by_alias=True),
            bool(overrides.off_hours and overrides.off_hours.enabled),
            "production never stops for the night",
            "remove offHours",
        ),
        (
            "finalSnapshot",
            overrides.final_snapshot,
            overrides.final_snapshot is False,
            "production's database is never deleted without a last snapshot",
            "remove finalSnapshot; the snapshot can be deleted afterwards, by hand",
        ),
        (
            "forceDestroy",
            overrides.force_destroy,
            overrides.force_destroy is True,
            "production's buckets and images are not deleted along with the stack",
            "remove forceDestroy, and empty by hand what really has to go",
        ),
        (
            "backupRetentionDays",
            overrides.backup_retention_days,
            overrides.backup_retention_days is not None
            and overrides.backup_retention_days < _FEWEST_CRITICAL_BACKUPS,
            f"production can be restored to any moment of {_FEWEST_CRITICAL_BACKUPS} days or more",
            f"write {_FEWEST_CRITICAL_BACKUPS} to 35, or remove backupRetentionDays",
        ),
        (
            "capacity",
            overrides.capacity,
            overrides.capacity not in (None, Capacity.ON_DEMAND),
            "critical services of production run on demand: Spot can take every task at once",
            "remove capacity, and write critical: false at services that may be interrupted",
        ),
    )
    for key, value, broken, rule, instead in refused:
        if broken:
            yield Problem(key=f"overrides.{key}", value=value, rule=rule, instead=instead)
    if settings.emulated:
        yield Problem(
            key="emulated",
            value=True,
            rule="an emulator keeps nothing, so it cannot be production",
            instead="write emulated: false, or stage: staging",
        )


def _only_temporary_loses_everything(settings: "Settings") -> Iterator[Problem]:
    if settings.stage is Stage.STAGING and settings.overrides.force_destroy:
        yield Problem(
            key="overrides.forceDestroy",
            value=True,
            rule="only a temporary stack owns nothing that must outlive it",
            instead="remove forceDestroy, or write stage: temporary",
        )


def _off_hours_begin_and_end(settings: "Settings") -> Iterator[Problem]:
    hours = settings.overrides.off_hours
    if hours and hours.enabled and hours.stop == hours.start:
        yield Problem(
            key="overrides.offHours.stop",
            value=hours.stop,
            rule="the stack stops and starts at different times",
            instead="write another time, or enabled: false",
        )


def _a_monitor_is_listened_to(settings: "Settings") -> Iterator[Problem]:
    if settings.budget.anomaly_monitor_arn and not settings.budget.anomalies:
        yield Problem(
            key="budget.anomalyMonitorArn",
            value=settings.budget.anomaly_monitor_arn,
            rule="a monitor is named for what it finds to be told, and anomalies is false",
            instead="write anomalies: true, or remove anomalyMonitorArn",
        )


def _database_is_possible(settings: "Settings") -> Iterator[Problem]:
    if settings.database.name.lower() in RESERVED_DATABASE_WORDS:
        yield Problem(
            key="database.name",
            value=settings.database.name,
            rule="the name is a reserved word of PostgreSQL or of RDS",
            instead="write babyrobots",
        )
    if windows_overlap(settings.database.backup_window, settings.database.maintenance_window):
        yield Problem(
            key="database.maintenanceWindow",
            value=settings.database.maintenance_window,
            rule="maintenance and backup never overlap, and the backup is at"
            f" {settings.database.backup_window} every day",
            instead="write a window that begins after the backup's",
        )
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/blue-green-deployments-considerations.html
    if settings.database.blue_green and settings.credentials.password is None:
        yield Problem(
            key="database.blueGreen",
            value=True,
            rule="RDS makes no copy of an instance whose password it keeps itself, and DB_PASSWORD"
            " is not set",
            instead="write blueGreen: false, or set DB_USERNAME and DB_PASSWORD",
        )


def _storage_can_grow(settings: "Settings") -> Iterator[Problem]:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    start, limit = (
        settings.database.allocated_storage_gib,
        settings.database.max_allocated_storage_gib,
    )
    least = -(-start * 11 // 10)
    if limit and limit < least:
        yield Problem(
            key="database.maxAllocatedStorageGib",
            value=limit,
            rule=f"the limit is at least a tenth above allocatedStorageGib, {start}",
            instead=f"write {least} or more, or 0 for storage that never grows",
        )


def _names_are_unique(settings: "Settings") -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for position, service in _with(settings.services, "name"):
        first = seen.setdefault(service.name, position)
        if first != position:
            yield Problem(
                key=f"services[{position}].name",
                value=service.name,
                rule=f"a name is used once, and services[{first}] has it",
                instead=f"write another name, as {service.name}-2",
            )


def _some_service_is_named(settings: "Settings") -> Iterator[Problem]:
    if not settings.services:
        yield Problem(
            key="services",
            value=settings.services,
            rule="a stack runs at least one service",
            instead="write - name: api, with its port below it",
        )


def _rules_fit_one_listener(settings: "Settings") -> Iterator[Problem]:
    public = [
        (position, settings.listener_rule_of(service))
        for position, service in _with(settings.services, "name", "public", "schedule")
        if service.kind is Kind.PUBLIC
    ]
    for index, (position, rule) in enumerate(public):
        others = [other for _, other in public[:index] if other.name != rule.name]
        # Names alone may be equal here; that is another rule's business.
        for problem in listener_rules.problems([rule]) or [
            found for other in others for found in listener_rules.problems([other, rule])
        ]:
            said, _, instead = problem.partition(": ")
            if said == rule.name:
                said, _, instead = instead.partition(": ")
            yield Problem(
                key=f"services[{position}].public",
                value={"host": rule.hosts[0], "paths": rule.paths or ("/*",)},
                rule=said,
                instead=instead or "write other paths, or another host",
            )


def _images_are_pinned(settings: "Settings", service: Service, path: str) -> Iterator[Problem]:
    if settings.stage is Stage.PRODUCTION and service.image and not pinned(service.image):
        repository = service.image.rpartition(":")[0] or service.image
        yield Problem(
            key=f"{path}.image",
            value=service.image,
            rule="production names an image by its digest; a tag can be moved to another image",
            instead=f"write {repository}@sha256:<64 hex digits>",
        )


def _critical_survives(settings: "Settings", service: Service, path: str) -> Iterator[Problem]:
    if settings.stage is not Stage.PRODUCTION or not service.critical:
        return
    if service.capacity not in (None, Capacity.ON_DEMAND):
        yield Problem(
            key=f"{path}.capacity",
            value=service.capacity,
            rule="critical services of production run on demand: Spot can take every task at once",
            instead="write capacity: on_demand, or critical: false",
        )
    if service.kind is not Kind.JOB and service.min < 2:
        yield Problem(
            key=f"{path}.min",
            value=service.min,
            rule="a critical service of production has a task in each of two zones",
            instead="write min: 2, or critical: false",
        )


def _connections_lead_somewhere(
    settings: "Settings", service: Service, path: str
) -> Iterator[Problem]:
    known = by_name(settings.services)
    servers = [name for name, other in known.items() if other.port is not None]
    for position, name in enumerate(service.connects_to):
        key = f"{path}.connectsTo[{position}]"
        others = [server for server in servers if server != service.name]
        instead = f"{nearest(name, others)}write {listed(others)}" if others else "remove it"
        if name == service.name:
            yield Problem(
                key=key, value=name, rule="a service needs no way to itself", instead="remove it"
            )
        elif name in service.connects_to[:position]:
            yield Problem(
                key=key, value=name, rule="each service is named once", instead="remove it"
            )
        elif name not in known:
            yield Problem(key=key, value=name, rule="there is no such service", instead=instead)
        elif name not in servers:
            yield Problem(
                key=key,
                value=name,
                rule=f"{name} is a {known[name].kind}, which listens on no port",
                instead=f"give {name} a port, or {instead}",
            )


def _stores_exist(settings: "Settings", service: Service, path: str) -> Iterator[Problem]:
    if service.database and not settings.database.enabled:
        yield Problem(
            key=f"{path}.database",
            value=True,
            rule="there is no database to connect to",
            instead="write database: {enabled: true}, or database: false here",
        )
    if service.cache and not settings.cache.enabled:
        yield Problem(
            key=f"{path}.cache",
            value=True,
            rule="there is no cache to connect to",
            instead="write cache: {mode: node}, or cache: false here",
        )


def _stack_matches_stage(settings: "Settings") -> Iterator[Problem]:
    promised = {"production": Stage.PRODUCTION, "staging": Stage.STAGING}.get(settings.stack)
    if promised and settings.stage is not promised:
        yield Problem(
            key="stage",
            value=settings.stage,
            rule=f"the stack called {settings.stack} is what its name says",
            instead=f"write stage: {promised}, or choose another stack",
        )


_RULES = (
    _stack_matches_stage,
    _zones_belong_to_the_region,
    _endpoints_are_named_once,
    _private_subnets_reach_what_they_need,
    _names_are_in_the_zone,
    _amazon_may_issue,
    delivery_is_possible,
    firewall_is_possible,
    _an_image_has_one_source,
    _some_service_is_named,
    _names_are_unique,
    _rules_fit_one_listener,
    _database_is_possible,
    _storage_can_grow,
    _production_is_not_weakened,
    _only_temporary_loses_everything,
    _off_hours_begin_and_end,
    _a_monitor_is_listened_to,
)
_RULES_OF_EACH_SERVICE = (
    _images_are_pinned,
    _host_is_in_the_zone,
    _critical_survives,
    _connections_lead_somewhere,
    _stores_exist,
)


def rule_problems(settings: "Settings") -> Iterator[Problem]:
    """What is wrong with a configuration whose single values are right, as far as they are."""
    for rule in _RULES:
        yield from _applicable(rule(settings))
    try:
        services = settings.services
    except Absent:
        return
    for position, service in enumerate(services):
        path = f"services[{position}]"
        for service_rule in SERVICE_RULES:
            yield from _applicable(service_rule(service, path))
        for wider_rule in _RULES_OF_EACH_SERVICE:
            yield from _applicable(wider_rule(settings, service, path))


def _applicable(found: Iterator[Problem]) -> Iterator[Problem]:
    """What a rule finds, until it asks for a value which was itself refused."""
    try:
        yield from found
    except Absent:
        return
