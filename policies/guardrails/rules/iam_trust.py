"""Who may become whom? Rules about trust policies."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guardrails.evaluation import Report
from guardrails.examples import document
from guardrails.iam import arns
from guardrails.iam.document import Condition, Role, Statement, documents
from guardrails.iam.grants import ROLE
from guardrails.registry import ALWAYS, DEPLOYED, Node, Option, Rule, Severity, anchors, node, rule
from guardrails.resources import Resource

_ASSUME = "sts:AssumeRole"
_ACCOUNT = "123456789012"


def _role(*statements: dict, **properties: object) -> list[Node]:
    """An example: one role that trusts by these statements."""
    return [node("role", ROLE, {"assumeRolePolicy": document(*statements), **properties})]


def _trusts(resource: Resource, report: Report) -> Iterator[tuple[str, Statement]]:
    for path, policy in documents(resource, report, Role.TRUST):
        for statement in policy.allows:
            yield f"{path}, {statement.label}", statement


def _trust_is_not_public(resource: Resource, report: Report) -> None:
    for where, statement in _trusts(resource, report):
        for kind, principals in statement.principals.items():
            for principal in principals:
                if not principal.strip("*") or "*" in arns.account_of(principal):
                    report(f"{where} lets anybody become this role ({kind}: {principal})")


iam_trust_no_public = rule(
    id="iam-trust-no-public",
    title="No role can be assumed by just anybody.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(ROLE,),
    condition="a trust policy with Principal `*`, AWS `*`, `arn:aws:iam::*:root` or Federated `*`, "
    "whatever its conditions",
    fix='"Principal": {"Service": "ecs-tasks.amazonaws.com"} or {"AWS": role.arn}',
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    anchors=anchors(
        checkov="CKV_AWS_60",
        cfn_guard="iam_role_no_full_access_on_trust_policy",
        other="cloudsplaining:AssumableByAnyPrincipal",
    ),
    check=_trust_is_not_public,
    passes=_role(
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": _ASSUME,
            "Condition": {"StringEquals": {"aws:SourceAccount": _ACCOUNT}},
        }
    ),
    violates=_role({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": _ASSUME}),
)

TRUSTED_ACCOUNTS = Option(
    type="array",
    default=[],
    description="Accounts that may be trusted, besides those of the provider's allowed_account_ids",
)


def trusted_accounts(resource: Resource, report: Report) -> set[str]:
    """The own account as far as the provider says it, and those that the configuration names."""
    own = resource.provider.parsed("allowedAccountIds") or []
    return {str(account) for account in own} | set(report.option("trustedAccounts"))


def foreign(principals: list[str], trusted: set[str]) -> list[str]:
    """The principals of accounts that nobody vouched for.

    Where neither provider nor configuration names an account, a document that mentions only one is
    taken to mean its own.
    """
    found = {p: arns.account_of(p) for p in principals if arns.account_of(p).isdigit()}
    if not trusted and len(set(found.values())) <= 1:
        return []
    return [p for p, account in found.items() if account not in trusted]


_WHO_EXACTLY = ("sts:externalid", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths")


def _trust_stays_inside(resource: Resource, report: Report) -> None:
    trusted = trusted_accounts(resource, report)
    for where, statement in _trusts(resource, report):
        principals = list(statement.principals.get("AWS", ()))
        for principal in foreign(principals, trusted):
            report(f"{where} trusts {principal}, of an account that is not in trustedAccounts")
        for principal in principals:
            whole = principal.isdigit() or principal.endswith(":root")
            if whole and not statement.pinned_by(*_WHO_EXACTLY) and "*" not in principal:
                report(f"{where} trusts everybody in an account ({principal})")


iam_trust_cross_account = rule(
    id="iam-trust-cross-account",
    title="Trust in accounts is named and narrow.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(ROLE,),
    condition="a trust policy with a principal of an account outside `trustedAccounts`, or with a "
    "whole account and no sts:ExternalId, aws:PrincipalArn or aws:PrincipalOrgID",
    exceptions="the own account (allowed_account_ids of the provider) with aws:PrincipalArn; "
    "where no "
    "account is configured at all, a document that names one account only is taken to name its own",
    fix='"Principal": {"AWS": role.arn}, or a Condition on "aws:PrincipalArn"; list the account in '
    "trustedAccounts",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html",
    anchors=anchors(
        checkov="CKV_AWS_61",
        prowler="iam_role_cross_account_readonlyaccess_policy",
        other="cloudsplaining:AssumableByCrossAccountPrincipal",
    ),
    options={"trustedAccounts": TRUSTED_ACCOUNTS},
    check=_trust_stays_inside,
    passes=_role(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:role/ci"},
            "Action": _ASSUME,
        }
    ),
    violates=_role(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"},
            "Action": _ASSUME,
        }
    ),
)


@functools.cache
def _services() -> dict[str, dict[str, str]]:
    """Which services send the keys that a trust policy can pin: data with the source of every
    row.
    """
    path = Path(__file__).parent.parent / "data" / "trusted_services.json"
    data: Any = json.loads(path.read_text())
    return data["services"]


SOURCE_KEYS = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")


def _no_confused_deputy(resource: Resource, report: Report) -> None:
    unsupported = report.option("unsupportedServices")
    for where, statement in _trusts(resource, report):
        if statement.pinned_by(*SOURCE_KEYS):
            continue
        for service in statement.principals.get("Service", ()):
            known = _services().get(service)
            if service in unsupported or (known and known["sends"] == "none"):
                continue
            detail = f"{where} lets {service} act for any customer: no aws:SourceAccount"
            if known:
                report(f"{detail} ({known['url']})")
            else:
                report.advise(f"{detail}. Whether this service sends it is not known here")


iam_trust_confused_deputy = rule(
    id="iam-trust-confused-deputy",
    title="A service assumes a role for this account only.",
    severity=Severity.HIGH,
    level=DEPLOYED,
    types=(ROLE,),
    condition="trust in a service without a condition that pins aws:SourceAccount or "
    "aws:SourceArn, "
    "where the service sends them",
    exceptions="services that do not send the keys (lambda, edgelambda, ec2, backup, s3); "
    "`unsupportedServices`; services not in the table are advice",
    fix='"Condition": {"StringEquals": {"aws:SourceAccount": account_id}}',
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    anchors=anchors(prowler="iam_role_cross_service_confused_deputy_prevention"),
    options={
        "unsupportedServices": Option(
            type="array",
            default=[],
            description="Further service principals that do not send aws:SourceAccount",
        )
    },
    check=_no_confused_deputy,
    passes=_role(
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": _ASSUME,
            "Condition": {"StringEquals": {"aws:SourceAccount": _ACCOUNT}},
        }
    ),
    violates=_role(
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": _ASSUME,
        }
    ),
)

_GITHUB = "token.actions.githubusercontent.com"
_LITERAL = re.compile(r"[^*?]+")


def oidc_issuers(statement: Statement) -> list[str]:
    """The issuers of web identities that a statement trusts:
    `token.actions.githubusercontent.com`, say.
    """
    found = []
    for principal in statement.principals.get("Federated", ()):
        _, provider, issuer = principal.partition(":oidc-provider/")
        if provider:
            found.append(issuer)
    return found


def subjects(statement: Statement, issuer: str) -> list[Condition]:
    """The conditions on the subject of an issuer's tokens that really restrict it."""
    key = f"{issuer}:sub".lower()
    return [c for c in statement.condition_on(key) if c.pins]


def _subjects_are_pinned(resource: Resource, report: Report) -> None:
    allowed = set(report.option("allowedSubjects"))
    audiences = set(report.option("audiences"))
    for where, statement in _trusts(resource, report):
        for issuer in oidc_issuers(statement):
            audience = [
                c for c in statement.condition_on(f"{issuer}:aud".lower())
                if c.pins and c.operator == "stringequals" and set(c.values) <= audiences
            ]  # fmt: skip
            if not audience:
                report(f"{where} does not pin {issuer}:aud to {', '.join(sorted(audiences))}")
            pinned = subjects(statement, issuer)
            if not pinned:
                report(f"{where} does not pin {issuer}:sub: any workflow of anybody is let in")
            for value in {v for c in pinned for v in c.values} - allowed:
                problem = _subject_problem(issuer, value)
                if problem:
                    report(f"{where}: the subject {value} {problem}")


def _subject_problem(issuer: str, subject: str) -> str:
    """What is left open by a subject; "" where it names who, what and when."""
    if not arns.has_wildcard(subject) and not issuer.endswith(_GITHUB):
        return ""
    if not issuer.endswith(_GITHUB):
        return "has a wildcard"
    if re.search(r"(^|:)(repository_id:\d+|job_workflow_ref:[^*?]+@[^*?]+)(:|$)", subject):
        return ""
    parts = subject.split(":", 2)
    if parts[0] != "repo" or len(parts) < 2:
        return "does not begin with repo:"
    organisation, slash, repository = parts[1].partition("/")
    if not slash or arns.has_wildcard(organisation) or not organisation:
        return "leaves the organisation open"
    if arns.has_wildcard(repository) or not repository:
        return "leaves the repository open"
    context = parts[2] if len(parts) > 2 else ""
    if context == "pull_request" or re.fullmatch(r"environment:[^*?]+", context):
        return ""
    if re.fullmatch(r"ref:refs/heads/[^*?]+", context) or re.fullmatch(
        r"ref:refs/tags/(v\*|[^*?]+)", context
    ):
        return ""
    return "leaves open which branch, tag or environment"


def _github(**operators: dict) -> dict:
    return {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{_ACCOUNT}:oidc-provider/{_GITHUB}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": operators,
    }


_AUDIENCE = {f"{_GITHUB}:aud": "sts.amazonaws.com"}

iam_oidc_subject_pinned = rule(
    id="iam-oidc-subject-pinned",
    title="A workflow assumes a role only from its repository and branch or environment.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(ROLE,),
    condition="any statement that trusts an OIDC provider without StringEquals on `aud`, or "
    "whose `sub` "
    "does not name organisation, repository and branch, tag (`v*`) or environment; operators with "
    "IfExists or ForAllValues do not count",
    exceptions="`allowedSubjects`; subjects made of repository_id or job_workflow_ref; "
    "`...:pull_request`, if the role only reads (see iam-oidc-role-bounded)",
    fix='"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com", '
    '"token.actions.githubusercontent.com:sub": "repo:org/repo:environment:production"}',
    url="https://docs.github.com/en/actions/reference/security/oidc",
    anchors=anchors(checkov="CKV_AWS_358 CKV_AWS_393"),
    options={
        "allowedSubjects": Option(
            type="array",
            default=[],
            description="Subjects that are accepted as they are",
        ),
        "audiences": Option(
            type="array",
            default=["sts.amazonaws.com"],
            description="Audiences that a token may be made for",
        ),
    },
    check=_subjects_are_pinned,
    passes=_role(
        _github(
            StringEquals={**_AUDIENCE, f"{_GITHUB}:sub": "repo:acme/api:environment:production"}
        )
    ),
    violates=_role(_github(StringEquals=_AUDIENCE, StringLike={f"{_GITHUB}:sub": "repo:acme/*"})),
)

RULES: tuple[Rule, ...] = (
    iam_trust_no_public,
    iam_trust_cross_account,
    iam_trust_confused_deputy,
    iam_oidc_subject_pinned,
)
