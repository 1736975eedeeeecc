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
from components.alarm_topic import AlarmTopic
from components.alarms import Alarms
from components.backups import Backups
from components.budget import Budget
from components.cache import Cache
from components.connection import Connection
from components.content_delivery import ContentDelivery
from components.cost_anomalies import CostAnomalies
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
from components.serverless_cache import ServerlessCache
from components.stack_events import StackEvents
from components.web_acl import WebAcl
from configuration.cache import CacheMode
from configuration.services import Kind
from settings import Settings
from wiring.data import Backing, Data, cache_backing, database_backing
from wiring.edge import Edge, distribution_alarms, exposure, slug
from wiring.foundation import Foundation, provider_args
from wiring.observability import Observability
from wiring.platform import Platform, calls

pulumi.require_pulumi_version(">=3.237.0")

settings = Settings.load()
if settings.emulated:
    emulation.ignore_what_is_not_given_back()
provider = aws.Provider("aws", **provider_args(settings))
placed = pulumi.ResourceOptions(providers=[provider])
lookups = pulumi.InvokeOptions(provider=provider)
account_id = settings.account_id or aws.get_caller_identity_output(opts=lookups).account_id
foundation = Foundation(settings=settings, account_id=account_id)
edge = Edge(settings=settings, account_id=account_id)
data = Data(settings=settings, account_id=account_id)

# What everything else stands on.
logs_key = EncryptionKey("logs", foundation.logs_key(settings.region), placed)
topic = AlarmTopic("alarms", foundation.alarm_topic(settings.region), placed)
watch = Observability(settings=settings, account_id=account_id, topic=topic)
network = Network("main", foundation.network(logs_key), placed)
images_key = EncryptionKey("images", foundation.images_key(), placed)
repository = ImageRepository("api", foundation.repository(images_key), placed)
cluster = FargateCluster("main", foundation.cluster(logs_key), placed)

# The way in. Route 53 and CloudFront keep logs and metrics in us-east-1, so alarms are heard there
# too. With a distribution the load balancer is internal, and the firewall stands before both.
faraway = AlarmTopic("alarms-us-east-1", foundation.alarm_topic("us-east-1"), placed)
faraway_key = None
if edge.faraway_logs:
    faraway_key = EncryptionKey("logs-us-east-1", foundation.logs_key("us-east-1"), placed)
zone = DnsZone("main", edge.dns_zone(faraway_key), placed)
alb = PublicAlb("web", edge.public_alb(network, zone, lookups), placed)
cdn = None
if settings.cdn_enabled and faraway_key is not None:
    acl = WebAcl("web", edge.web_acl(alb, faraway_key), placed)
    Alarms("firewall", edge.web_acl_alarms(acl, faraway), placed)
    cdn = ContentDelivery("web", edge.content_delivery(alb, acl, zone, faraway_key), placed)
    Alarms("distribution", distribution_alarms(cdn, faraway), placed)
else:
    acl = WebAcl("web", edge.web_acl(alb, logs_key), placed)
    Alarms("firewall", edge.web_acl_alarms(acl, topic), placed)
Alarms("web", watch.edge(alb, zone), placed)
if network.nat_gateways:
    Alarms("network", watch.network(network), placed)
for hostname, path in edge.health_paths().items():
    alias = zone.alias(slug(hostname), edge.alias(cdn or alb, hostname, path))
    # Without a service behind it, as before the first image, there is no check to watch.
    if not path:
        continue
    Alarms(f"health-{slug(hostname)}", watch.health_check(alias.health_check_id, faraway), placed)
budget = None
if not settings.emulated:
    budget = Budget("monthly", foundation.budget(faraway), placed)
if settings.budget.anomalies and not settings.emulated:
    CostAnomalies("spending", foundation.cost_anomalies(faraway), placed)

# What holds data.
backings: dict[str, Backing] = {}
database = cache = backups = None
if settings.database.enabled:
    database = Database("main", data.database(network, logs_key), placed)
    backings["database"] = database_backing(database, settings.database.name)
    Alarms("database", watch.database(database), placed)
    DatabaseEvents("database", {"identifier": database.identifier, "topic_arn": topic.arn}, placed)
if settings.cache.mode is CacheMode.NODE:
    cache = Cache("main", data.cache(network, logs_key), placed)
elif settings.cache.mode is CacheMode.SERVERLESS:
    cache = ServerlessCache("serverless", data.serverless_cache(network), placed)
if cache is not None:
    backings["cache"] = cache_backing(cache)
    Alarms("cache", data.cache_alarms(cache, topic), placed)
if data.backed_up:
    backups_key = EncryptionKey("backups", data.backup_key(), placed)
    backups = Backups("backups", data.backups(backups_key), placed)
events = StackEvents("main", watch.events(cluster, logs_key, database, backups), placed)
Alarms("events", watch.event_alarms(events, backups), placed)

# What runs. An empty account has no image yet: the services wait for it, the rest does not.
platform = Platform(
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
    route = alb.expose(service.name, exposure(settings, service))
    traffic = Alarms(f"{service.name}-traffic", watch.traffic(alb, route), placed)
    services[service.name] = FargateService(
        service.name, platform.public_service(service, alb, route, traffic.names), placed
    )
for service in settings.of_kind(Kind.INTERNAL, Kind.WORKER):
    services[service.name] = FargateService(service.name, platform.service(service), placed)
for service in settings.of_kind(Kind.JOB):
    job = jobs[service.name] = ScheduledJob(service.name, platform.job(service), placed)
    Alarms(f"{service.name}-job", watch.job(job, events), placed)
for service in settings.of_kind(Kind.PUBLIC, Kind.INTERNAL, Kind.WORKER):
    deployed = services[service.name]
    Alarms(f"{service.name}-service", watch.service(service, cluster, deployed, events), placed)
for name, call in calls(settings, services, jobs).items():
    Connection(name, call, placed)
for service in settings.waiting_services:
    pulumi.log.warn(f"{service.name} waits for its first image: set imageDigest and run up again")

exports = {
    "stage": settings.stage.value,
    "region": settings.region,
    "url": f"https://{settings.hostname}",
    "hostname": settings.hostname,
    "healthUrls": edge.health_urls(),
    "vpcId": network.vpc_id,
    "publicSubnetIds": network.public_subnet_ids,
    "privateSubnetIds": network.private_subnet_ids,
    "isolatedSubnetIds": network.isolated_subnet_ids,
    "albArn": alb.arn,
    "albDnsName": alb.dns_name,
    "webAclArn": acl.arn,
    "zoneId": zone.zone_id,
    "nameServers": zone.name_servers,
    "clusterName": cluster.name,
    "serviceNames": {name: service.service_name for name, service in services.items()},
    "jobNames": {name: job.schedule_name for name, job in jobs.items()},
    "repositoryUrl": repository.repository_url,
    "alarmTopicArn": topic.arn,
}
if cdn is not None:
    exports |= {
        "distributionId": cdn.distribution_id,
        "distributionDomainName": cdn.domain_name,
    }
if database is not None:
    exports |= {
        "databaseIdentifier": database.identifier,
        "databaseEndpoint": database.endpoint,
        "databaseSecretArn": database.secret_arn,
    }
if cache is not None:
    exports |= {
        "cacheMode": settings.cache.mode.value,
        "cacheName": backings["cache"].environment["CACHE_NAME"],
        "cacheEndpoint": cache.endpoint,
    }
if budget is not None:
    exports["budgetName"] = budget.name
for name, value in exports.items():
    pulumi.export(name, value)
