"""Configurations as the engine would pass them: valid ones, and single changes that break them."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from components.fargate_sizes import pairs

REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
DIGEST = f"sha256:{'ab' * 32}"
ACCOUNT = "123456789012"

Values = dict[str, Any]
"""Decoded values by key, without the project's namespace but for `aws:region`."""


def encode(values: Mapping[str, Any], project: str = "babyrobots") -> dict[str, str]:
    """Values as the engine's language host passes them: every one as text, structures as JSON."""
    return {
        key if ":" in key else f"{project}:{key}": value
        if isinstance(value, str)
        else json.dumps(value)
        for key, value in values.items()
    }


def minimal() -> Values:
    """The fewest keys that a stack can have."""
    return {
        "aws:region": "eu-west-1",
        "stage": "staging",
        "owner": "platform",
        "costCenter": "indii-music",
        "zones": ["eu-west-1a", "eu-west-1b"],
        "zoneName": "staging.babyrobots.example",
        "hostname": "api.staging.babyrobots.example",
        "services": [{"name": "api", "port": 8080, "public": {}}],
    }


@st.composite
def services(draw: st.DrawFn, stage: str, zone: str, stores: Mapping[str, bool]) -> list[Values]:
    """Services that may exist together, of every kind."""
    names = draw(
        st.lists(
            st.from_regex(r"[a-z][a-z0-9]{1,7}(-[a-z0-9]{1,4})?", fullmatch=True),
            min_size=1,
            max_size=5,
            unique=True,
        )
    )
    found = [draw(_service(name, stage, stores)) for name in names]
    listening = [service["name"] for service in found if "port" in service]
    for number, service in enumerate(found):
        others = [name for name in listening if name != service["name"]]
        if others and draw(st.booleans()):
            service["connectsTo"] = draw(st.lists(st.sampled_from(others), unique=True))
        if "public" in service:
            # A host for each, so that rules never meet, whatever their paths are.
            service["public"]["host"] = f"s{number}.{zone}"
            # Equal slots cannot meet either, and hashes of names sometimes do.
            service["public"]["slot"] = number
    return found


@st.composite
def _service(draw: st.DrawFn, name: str, stage: str, stores: Mapping[str, bool]) -> Values:
    cpu, memory = draw(st.sampled_from(list(pairs())))
    kind = draw(st.sampled_from(("public", "internal", "worker", "job")))
    critical = draw(st.booleans())
    production = stage == "production"
    service: Values = {
        "name": name,
        "cpu": cpu,
        "memory": memory,
        "architecture": draw(st.sampled_from(("ARM64", "X86_64"))),
        "critical": critical,
        "environment": draw(
            st.dictionaries(
                st.sampled_from(("LOG_LEVEL", "REGION", "MAX_TOKENS", "FEATURE_X")),
                st.one_of(st.sampled_from(("info", "")), st.integers(0, 9), st.booleans()),
            )
        ),
        "stopTimeoutSeconds": draw(st.integers(2, 120)),
    }
    tagged = ["", f"public.ecr.aws/docker/library/busybox@{DIGEST}"]
    service["image"] = draw(st.sampled_from(tagged if production else [*tagged, "nginx:1.29"]))
    if draw(st.booleans()):
        service["secrets"] = {
            "API_TOKEN": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:app/token-AbCdEf"
        }
    for store, enabled in stores.items():
        service[store] = enabled and draw(st.booleans())
    capacities = ["on_demand"]
    if not (production and critical):
        capacities += ["spot"] if kind == "job" else ["spot", "mixed"]
    if draw(st.booleans()):
        service["capacity"] = draw(st.sampled_from(capacities))
    if kind == "job":
        expressions = ("cron(0 3 * * ? *)", "rate(1 hour)", "cron(0/15 8-18 ? * MON-FRI *)")
        service["schedule"] = draw(st.sampled_from(expressions))
        service["timezone"] = draw(st.sampled_from(("UTC", "Europe/London")))
        return service
    least = draw(st.integers(2 if production and critical else 1, 5))
    service["min"] = least
    service["max"] = draw(st.integers(least, 12))
    service["desired"] = draw(st.integers(least, service["max"]))
    service["scaling"] = {"cpuPercent": draw(st.integers(10, 90))}
    if kind != "worker":
        service["port"] = draw(st.integers(1024, 65535))
    if kind == "public":
        paths = st.sampled_from(("/*", "/v1/*", "/status", "/a/b/*"))
        service["public"] = {"paths": draw(st.lists(paths, min_size=1, max_size=3, unique=True))}
        service["scaling"]["requestsPerTarget"] = draw(st.integers(1, 5000))
        service["healthCheck"] = {"path": "/health", "intervalSeconds": draw(st.integers(6, 60))}
    return service


@st.composite
def configurations(draw: st.DrawFn) -> Values:
    """A configuration that must be accepted."""
    region = draw(st.sampled_from(REGIONS))
    stage = draw(st.sampled_from(("temporary", "staging", "production")))
    zone = draw(st.sampled_from(("babyrobots.example", "pr-7.staging.babyrobots.example")))
    letters = draw(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=6, unique=True))
    stores = {"database": draw(st.booleans()), "cache": draw(st.booleans())}
    nat = draw(st.sampled_from((None, "none", "single", "per_zone", "regional")))
    endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
    size = draw(st.integers(16, 20))
    storage = draw(st.integers(20, 1000))
    overrides: Values = {"natStrategy": nat} if nat else {}
    if draw(st.booleans()):
        overrides["logRetentionDays"] = draw(st.sampled_from((1, 30, 400, 3653)))
    if stage != "production" and draw(st.booleans()):
        overrides["offHours"] = {"stop": "19:30", "start": "07:00"}
    return {
        "aws:region": region,
        "stage": stage,
        "owner": draw(st.sampled_from(("platform", "platform@babyrobots.example"))),
        "costCenter": "indii-music",
        "accountId": draw(st.sampled_from(("", ACCOUNT))),
        "networkCidr": draw(st.sampled_from((f"10.64.0.0/{size}", f"172.16.0.0/{size}"))),
        "zones": [f"{region}{letter}" for letter in letters],
        "interfaceEndpoints": endpoints
        if nat == "none"
        else draw(st.sampled_from(([], endpoints))),
        "ipv6": draw(st.booleans()),
        "flowLogs": draw(st.booleans()),
        "zoneName": zone,
        "zoneId": draw(st.sampled_from(("", "Z0123456789ABCDEFGHIJ"))),
        "hostname": f"api.{zone}",
        "imageDigest": draw(st.sampled_from(("", DIGEST))),
        "services": draw(services(stage, zone, stores)),
        "database": {
            "enabled": stores["database"],
            "allocatedStorageGib": storage,
            "maxAllocatedStorageGib": draw(st.sampled_from((0, storage * 2))),
        },
        "cache": {
            "mode": draw(st.sampled_from(("node", "serverless"))) if stores["cache"] else "none"
        },
        "overrides": overrides,
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mutation:
    """One mistake: what it does to any valid configuration, and the key that is then refused."""

    name: str
    key: str
    change: Callable[[Values], object]


def _set(key: str, value: Any) -> Callable[[Values], object]:
    return lambda values: values.update({key: value})


def _in_service(**changes: Any) -> Callable[[Values], object]:
    return lambda values: values["services"][0].update(changes)


MUTATIONS = (
    Mutation(name="a public range", key="networkCidr", change=_set("networkCidr", "8.8.0.0/16")),
    Mutation(name="a range too wide", key="networkCidr", change=_set("networkCidr", "10.0.0.0/8")),
    Mutation(name="one zone", key="zones", change=lambda v: v.update(zones=v["zones"][:1])),
    Mutation(
        name="a zone twice",
        key="zones[1]",
        change=lambda v: v.update(zones=[v["zones"][0]] * 2),
    ),
    Mutation(
        name="another region's zone",
        key="zones[0]",
        change=lambda v: v.update(zones=["eu-north-1a", *v["zones"][1:]]),
    ),
    Mutation(name="no stage", key="stage", change=lambda v: v.pop("stage")),
    Mutation(name="an unknown stage", key="stage", change=_set("stage", "prod")),
    Mutation(name="a misspelt key", key="hostName", change=_set("hostName", "x.example")),
    Mutation(name="a host elsewhere", key="hostname", change=_set("hostname", "a.b.example")),
    Mutation(name="no services", key="services", change=_set("services", [])),
    Mutation(name="an impossible size", key="services[0].cpu", change=_in_service(cpu=300)),
    Mutation(name="port 80", key="services[0].port", change=_in_service(port=80)),
    Mutation(name="root", key="services[0].user", change=_in_service(user="root")),
    Mutation(
        name="a secret in plain text",
        key="services[0].environment.DB_PASSWORD",
        change=_in_service(environment={"DB_PASSWORD": "not-a-real-one"}),
    ),
    Mutation(
        name="a way to nowhere",
        key="services[0].connectsTo[0]",
        change=_in_service(connectsTo=["nobody-at-all"]),
    ),
    Mutation(
        name="two services of one name",
        key=f"services[{1}].name",
        change=lambda v: v.update(services=[v["services"][0], v["services"][0]]),
    ),
    Mutation(
        name="a retention that does not exist",
        key="overrides.logRetentionDays",
        change=lambda v: v["overrides"].update(logRetentionDays=8),
    ),
    Mutation(
        name="a window that overlaps the backup",
        key="database.maintenanceWindow",
        change=lambda v: v["database"].update(maintenanceWindow="mon:01:00-mon:02:30"),
    ),
)
"""Each breaks any valid configuration, whatever else is in it."""
