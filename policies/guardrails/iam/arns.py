"""Whether the ARN patterns of a statement name something, or everything of a kind."""

import functools
import re

from guardrails.iam import actions

_WILD = re.compile(r"[*?]")
_PARTS = 6
# Their ARNs have no region: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_WITHOUT_REGION = frozenset(
    {"iam", "sts", "s3", "route53", "cloudfront", "organizations", "globalaccelerator", "waf"}
)


def has_wildcard(text: str) -> bool:
    """Whether any part of a pattern is open."""
    return bool(_WILD.search(text))


@functools.lru_cache(maxsize=8192)
def broadness(resource: str) -> str:
    """Why a resource pattern covers more than it names; "" where it names something.

    A wildcard is fine after a literal beginning of the resource's own name: `secret:api-db-*`,
    `assets/img/*`, `role/deploy/*`. It is not where account, region or the whole name is left open.
    """
    if not has_wildcard(resource):
        return ""
    if not resource.strip("*"):
        return "is every resource"
    parts = resource.split(":", _PARTS - 1)
    if len(parts) < _PARTS:
        return "leaves open which kind of resource it means"
    _, _, service, region, account, name = parts
    if has_wildcard(service):
        return "leaves the service open"
    if has_wildcard(account):
        return "leaves the account open"
    if has_wildcard(region) and service not in _WITHOUT_REGION:
        return "leaves the region open"
    literal = _WILD.split(name, maxsplit=1)[0]
    if has_wildcard(name) and (not literal or literal in _heads(service)):
        return "covers every resource of its kind"
    return ""


@functools.lru_cache(maxsize=512)
def _heads(service: str) -> frozenset[str]:
    """What comes before the name in the ARNs of a service: `secret:`, `key/`,
    `loadbalancer/app/`.
    """
    heads = set()
    for kind in actions.table().get(service, {}).get("Resources", {}).values():
        for shape in kind.get("ARNFormats", ()):
            parts = shape.split(":", _PARTS - 1)
            if len(parts) == _PARTS:
                head = parts[5].split(".*")[0]
                heads |= {head, head.rstrip("/:")}
    # A task definition's ARN format in the table does not show its type.
    return frozenset(heads | {"task-definition/", "task-definition", "document/"})


def open_ended(resource: str) -> bool:
    """Whether a pattern covers things that nobody named."""
    return bool(broadness(resource))


def account_of(principal: str) -> str:
    """The account of a principal given as ARN or as bare id; "" for anything else."""
    if re.fullmatch(r"\d{12}", principal):
        return principal
    parts = principal.split(":", _PARTS - 1)
    return parts[4] if len(parts) == _PARTS else ""
