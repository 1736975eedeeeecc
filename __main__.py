"""Deploys one stack of the BabyRobots API: settings, provider, components, exports."""

# ruff: noqa: E402 - collection must be off before most of the work, which is the imports.
import atexit
import gc

# What is made here is used until the process ends: looking for garbage costs time and finds none,
# neither in between nor at the end, when all of the memory is given back at once.
gc.disable()
atexit.register(gc.freeze)

import pulumi
import pulumi_aws as aws

import emulation
import wiring
from components import alarm_rules
from components.alarm_topic import AlarmTopic
from components.alarms import Alarms
from components.backups import Backups
from components.cache import Cache
from components.connection import Connection
from components.database import Database
from components.database_events import DatabaseEvents
from components.dns_zone import DnsZone
from components.encryption_key import EncryptionKey
from components.fargate_cluster import FargateCluster
from components.fargate_service import FargateService
from components.image_repository import ImageRepository
from components.network import Network
from components.public_alb import PublicAlb
from components.scheduled_job import ScheduledJob
from components.web_acl import WebAcl
from rules.services import Kind
from settings import Settings

pulumi.require_pulumi_version(">=3.237.0")

settings = Settings.load()
if settings.emulated:
    emulation.ignore_what_is_not_given_back()
provider = aws.Provider("aws", **wiring.provider(settings))
placed = pulumi.ResourceOptions(providers=[provider])
lookups = pulumi.InvokeOptions(provider=provider)
account_id = settings.account_id or aws.get_caller_identity_output(opts=lookups).account_id
args = wiring.Wiring(settings=settings, account_id=account_id)

# What everything else stands on.
logs_key = EncryptionKey("logs", args.logs_key(settings.region), placed)
topic = AlarmTopic("alarms", args.alarm_topic(settings.region), placed)
network = Network("main", args.network(logs_key), placed)
images_key = EncryptionKey("images", args.images_key(), placed)
repository = ImageRepository("api", args.repository(images_key), placed)
cluster = FargateCluster("main", args.cluster(logs_key), placed)

# The way in. Route 53 keeps its logs and metrics in us-east-1, so alarms are heard there too.
queries_key = None
if settings.dns_query_logging:
    queries_key = EncryptionKey("logs-us-east-1", args.logs_key("us-east-1"), placed)
zone = DnsZone("main", args.dns_zone(queries_key), placed)
alb = PublicAlb("web", args.public_alb(network, zone), placed)
acl = WebAcl("web", args.web_acl(alb, logs_key), placed)
faraway = AlarmTopic("alarms-us-east-1", args.alarm_topic("us-east-1"), placed)
Alarms(
    "web",
    {"rules": alarm_rules.load_balancer(alb.arn_suffix), "topic_arn": topic.arn},
    placed,
)
for hostname, path in args.health_paths().items():
    alias = zone.alias(wiring.slug(hostname), args.alias(alb, hostname, path))
    # Without a service behind it, as before the first image, there is no check to watch.
    if not path:
        continue
    Alarms(
        f"health-{wiring.slug(hostname)}",
        {
            "rules": alarm_rules.health_check(alias.health_check_id),
            "topic_arn": faraway.arn,
            "region": "us-east-1",
        },
        placed,
    )

# What holds data.
backings: dict[str, wiring.Backing] = {}
database = cache = None
if settings.database_enabled:
    database = Database("main", args.database(network, logs_key), placed)
    backings["database"] = wiring.database_backing(database, settings.database_name)
    Alarms("database", args.database_alarms(database, topic), placed)
    DatabaseEvents("database", {"identifier": database.identifier, "topic_arn": topic.arn}, placed)
if settings.cache_enabled:
    cache = Cache("main", args.cache(network, logs_key), placed)
    backings["cache"] = wiring.cache_backing(cache)
if args.backed_up:
    Backups("backups", args.backups(EncryptionKey("backups", args.backup_key(), placed)), placed)

# What runs. An empty account has no image yet: the services wait for it, the rest does not.
platform = wiring.Platform(
    settings=settings,
    account_id=account_id,
    network=network,
    cluster=cluster,
    repository=repository,
    logs_key=logs_key,
    lookups=lookups,
    backings=backings,
)
services: dict[str, FargateService] = {}
jobs: dict[str, ScheduledJob] = {}
for service in settings.of_kind(Kind.PUBLIC):
    route = alb.expose(service.name, wiring.exposure(settings, service))
    watch = Alarms(f"{service.name}-traffic", wiring.traffic_alarms(alb, route, topic), placed)
    services[service.name] = FargateService(
        service.name, platform.public_service(service, alb, route, watch.names), placed
    )
for service in settings.of_kind(Kind.INTERNAL, Kind.WORKER):
    services[service.name] = FargateService(service.name, platform.service(service), placed)
for service in settings.of_kind(Kind.JOB):
    jobs[service.name] = ScheduledJob(service.name, platform.job(service), placed)
for service in settings.of_kind(Kind.PUBLIC, Kind.INTERNAL, Kind.WORKER):
    Alarms(
        f"{service.name}-service",
        wiring.service_alarms(settings, service, cluster, services[service.name], topic),
        placed,
    )
for name, call in wiring.calls(settings, services, jobs).items():
    Connection(name, call, placed)
for service in settings.waiting_services:
    pulumi.log.warn(f"{service.name} waits for its first image: set imageDigest and run up again")

exports = {
    "stage": settings.stage.value,
    "region": settings.region,
    "url": f"https://{settings.hostname}",
    "hostname": settings.hostname,
    "healthUrls": args.health_urls(),
    "vpcId": network.vpc_id,
    "publicSubnetIds": network.public_subnet_ids,
    "privateSubnetIds": network.private_subnet_ids,
    "isolatedSubnetIds": network.isolated_subnet_ids,
    "albArn": alb.arn,
    "albDnsName": alb.dns_name,
    "zoneId": zone.zone_id,
    "nameServers": zone.name_servers,
    "clusterName": cluster.name,
    "serviceNames": {name: service.service_name for name, service in services.items()},
    "jobNames": {name: job.schedule_name for name, job in jobs.items()},
    "repositoryUrl": repository.repository_url,
    "alarmTopicArn": topic.arn,
}
if database is not None:
    exports |= {
        "databaseIdentifier": database.identifier,
        "databaseEndpoint": database.endpoint,
        "databaseSecretArn": database.secret_arn,
    }
if cache is not None:
    exports["cacheEndpoint"] = cache.endpoint
for name, value in exports.items():
    pulumi.export(name, value)
