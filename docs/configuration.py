"""Writes `docs/configuration.md` and the `config:` part of `Pulumi.yaml`, both from `settings.py`.

Run it after a change to a setting: `python -m docs.configuration`.
"""

import dataclasses
import json
import textwrap
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from configuration.budget import Budget
from configuration.cache import CacheSettings
from configuration.cdn import CachedPath, Cdn
from configuration.database import DatabaseSettings
from configuration.models import Model, model_in
from configuration.profiles import PROFILES, OffHours, Overrides, Profile
from configuration.services import HealthCheck, Public, Scaling, Service
from configuration.waf import BotControl, Group, PathRateLimit, Waf
from settings import ENVIRONMENT_VARIABLES, Region, Settings

ROOT = Path(__file__).parents[1]
PROJECT, REFERENCE = ROOT / "Pulumi.yaml", ROOT / "docs" / "configuration.md"
MARK = "# Generated from settings.py by `python -m docs.configuration`; everything below is.\n"
_WIDTH = 100

_GROUPS: tuple[tuple[type[Model], str, str], ...] = (
    (Service, "services[]", "One service, worker or scheduled job."),
    (Public, "services[].public", "`public: {}` is enough for all requests to the hostname."),
    (HealthCheck, "services[].healthCheck", ""),
    (Scaling, "services[].scaling", ""),
    (Budget, "budget", "Messages go to the alarm topic in us-east-1."),
    (Cdn, "cdn", "With it the load balancer has private addresses only, see adr/."),
    (CachedPath, "cdn.cachedPaths[]", ""),
    (Waf, "waf", "Each group of AWS's rules is a group of keys here, see below."),
    (Group, "waf.<group>", "`ipReputation`, `knownBadInputs`, `common` and `sqlInjection`."),
    (BotControl, "waf.botControl", ""),
    (PathRateLimit, "waf.pathRateLimits[]", ""),
    (DatabaseSettings, "database", ""),
    (CacheSettings, "cache", ""),
    (Overrides, "overrides", "Each replaces one choice of the stage, see the table of stages."),
    (OffHours, "overrides.offHours", "Refused in production."),
)


def project_text(current: str) -> str:
    """`Pulumi.yaml` with its schema brought up to date."""
    head, _, _ = current.partition(MARK)
    return f"{head}{MARK}config:\n{''.join(_declarations())}"


def _declarations() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        lines = [f"{field.alias or name}:", *(f"  {line}" for line in _schema(field))]
        yield "".join(f"  {line}\n" for line in lines)


def _schema(field: FieldInfo) -> Iterator[str]:
    kind, items = _engine_type(field.annotation)
    yield f"type: {kind}"
    if items:
        yield "items:"
        yield f"  type: {items}"
    if not field.is_required():
        default = field.get_default()
        # Each key of a group has its own default, which an absent group leaves it.
        shown = {} if isinstance(default, Model) else _plain(default)
        yield f"default: {json.dumps(shown)}"
    # Leaves room for the indentation and for the key itself.
    wrapped = textwrap.wrap(field.description or "", _WIDTH - 22)
    if len(wrapped) == 1 and ": " not in wrapped[0]:
        yield f"description: {wrapped[0]}"
        return
    yield "description: >-"
    yield from (f"  {line}" for line in wrapped)


def _engine_type(annotation: Any) -> tuple[str, str]:
    """Type of a key for the engine, and of its items.

    https://www.pulumi.com/docs/iac/concepts/config/#typed-configuration
    """
    if typing.get_origin(annotation) is tuple:
        return "array", _engine_type(typing.get_args(annotation)[0])[0]
    if model_in(annotation):
        return "object", ""
    for python, engine in ((bool, "boolean"), (int, "integer"), ((str, IPv4Network), "string")):
        if issubclass(_bare(annotation), python):
            return engine, ""
    raise TypeError(f"the engine has no type for {annotation}")


def _bare(annotation: Any) -> Any:
    """An annotation without its validators and without None."""
    if hasattr(annotation, "__metadata__"):
        return _bare(annotation.__origin__)
    inner = [item for item in typing.get_args(annotation) if item is not type(None)]
    if typing.get_origin(annotation) in (tuple, dict) or not inner:
        return annotation
    return _bare(inner[0])


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return {
            (field.alias or name): _plain(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if getattr(value, name) is not None
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, IPv4Network) else value


def reference() -> str:
    """`docs/configuration.md`."""
    return "\n".join(_reference()) + "\n"


def _reference() -> Iterator[str]:
    yield from (
        "# Configuration",
        "",
        "<!-- Generated from settings.py by `python -m docs.configuration`. -->",
        "",
        "A stack is configured by `Pulumi.<stack>.yaml` and a few environment variables, and by"
        " nothing else.",
        "Every problem is reported at once, with the key, the value, the rule and the way out.",
        "Keys without a default are required. A third stack needs a file with these, and no code:",
        "`cp Pulumi.staging.yaml Pulumi.mine.yaml`, `stage: temporary` in it, then"
        " `pulumi up -s mine`.",
        "",
        "## Environment variables",
        "",
        "| Variable | Meaning |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, meaning in ENVIRONMENT_VARIABLES.items()),
        "",
        "AWS credentials come from any source that the AWS SDK knows: `AWS_ACCESS_KEY_ID` and"
        " `AWS_SECRET_ACCESS_KEY`,",
        "a profile, or OIDC in GitHub Actions. A variable that is set to nothing counts as not"
        " set.",
        "`ENVIRONMENT` is `production` for stage `production`, and `staging` for `staging` and"
        " `temporary`:",
        "stacks of pull requests and of developers never run with production's credentials.",
        "",
        "## Stages",
        "",
        "`stage` decides every safety choice; `overrides` changes single ones.",
        "",
        *_stages(),
        "",
        "## Keys",
        "",
        "`aws:region` is the region of the stack. The others are in the project's namespace,"
        " `babyrobots:`.",
        "",
        *_table({**Region.model_fields, **Settings.model_fields}),
    )
    for model, path, note in _GROUPS:
        yield from ("", f"## `{path}`", "", *((note, "") if note else ()))
        yield from _table(model.model_fields)


def _stages() -> Iterator[str]:
    yield f"| Choice | {' | '.join(f'`{stage}`' for stage in PROFILES)} |"
    yield f"|---|{'---|' * len(PROFILES)}"
    for choice in dataclasses.fields(Profile):
        if choice.name != "stage":
            alias = Overrides.model_fields[choice.name].alias
            cells = (_choice(getattr(profile, choice.name)) for profile in PROFILES.values())
            yield f"| `{alias}` | {' | '.join(cells)} |"


def _choice(value: Any) -> str:
    if isinstance(value, OffHours):
        return f"{value.stop} to {value.start}, {value.days}, {value.timezone}"
    return "never" if value is None else json.dumps(value).strip('"')


def _table(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    yield "| Key | Type | Default | Meaning |"
    yield "|---|---|---|---|"
    for name, field in fields.items():
        cells = (f"`{field.alias or name}`", _type(field.annotation), _default(field))
        yield f"| {' | '.join(cells)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default()
    if value is None:
        return "none"
    if isinstance(value, Model):
        return "see below" if _plain(value) else "`{}`"
    return f"`{json.dumps(_plain(value))}`"


def _type(annotation: Any) -> str:
    if typing.get_origin(annotation) is tuple:
        return f"list of {_type(typing.get_args(annotation)[0])}"
    if model_in(annotation):
        return "group"
    bare = _bare(annotation)
    if typing.get_origin(bare) is dict:
        return "group of texts"
    if issubclass(bare, Enum):
        return ", ".join(f"`{member.value}`" for member in bare)
    return {bool: "switch", int: "number"}.get(bare, "text")


def main() -> None:
    """Brings both files up to date."""
    PROJECT.write_text(project_text(PROJECT.read_text(encoding="utf-8")), encoding="utf-8")
    REFERENCE.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
