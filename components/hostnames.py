"""Rules about names in the DNS, without touching it."""

import re
from collections.abc import Sequence

# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_LONGEST_NAME = 253
LONGEST_COMMON_NAME = 64
"""https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html"""


def base_name(hostname: str) -> str:
    """The name that proves control of a hostname: `*.example.com` is proved by `example.com`."""
    return hostname.removeprefix("*.")


def base_names(hostnames: Sequence[str]) -> list[str]:
    """What a certificate's validation needs one record for each of.

    A wildcard and its parent share one record; two resources for it would fight each other.
    https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
    """
    return list(dict.fromkeys(base_name(hostname) for hostname in hostnames))


def is_inside(hostname: str, zone_name: str) -> bool:
    """Whether a zone can hold records of a hostname."""
    base = base_name(hostname)
    return base == zone_name or base.endswith(f".{zone_name}")


def is_covered(hostname: str, certified: Sequence[str]) -> bool:
    """Whether a certificate for `certified` is valid for a name; a wildcard covers one label."""
    wildcard = "*." + hostname.partition(".")[2]
    return hostname in certified or wildcard in certified


def hostname_problems(zone_name: str, hostnames: Sequence[str]) -> list[str]:
    """Why a zone and the names of its certificate do not fit; empty when they do."""
    problems = [] if hostnames else ["hostnames is empty; name at least one"]
    problems += [
        f"{name!r} is not a domain name in lower case, such as api.example.com"
        for name in dict.fromkeys((zone_name, *hostnames))
        if not _DOMAIN.fullmatch(base_name(name)) or len(name) > _LONGEST_NAME
    ]
    if zone_name.startswith("*."):
        problems.append(f"a zone cannot be called {zone_name}; leave out the wildcard")
    problems += [
        f"{name} is outside the zone {zone_name}; write {zone_name} or a name that ends in"
        f" .{zone_name}"
        for name in dict.fromkeys(hostnames)
        if not is_inside(name, zone_name)
    ]
    problems += [
        f"{name} is given twice" for name in dict.fromkeys(hostnames) if hostnames.count(name) > 1
    ]
    if hostnames and len(hostnames[0]) > LONGEST_COMMON_NAME:
        problems.append(
            f"{hostnames[0]} has {len(hostnames[0])} characters; the first name of a certificate"
            f" has at most {LONGEST_COMMON_NAME}, so put a shorter one first"
        )
    return problems
