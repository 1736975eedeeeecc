"""A deliberately weak stack, and everything that is wrong with it: each fault with the rule that
must find it, and the resource that must be named.

    python -m tests.policies.weak_stack

runs the pack on it as the engine would and prints what was found.
"""

import dataclasses
import functools
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "policies"))

from guardrails import rules  # noqa: E402

from rehearsal.analyzer import Finding, PolicyPack  # noqa: E402
from rehearsal.answers import Answerer  # noqa: E402
from rehearsal.config import StackConfig  # noqa: E402
from rehearsal.recording import Graph, run_program, unknown_answer  # noqa: E402
from tests.policies import strong, weak_program  # noqa: E402

GROUPS = {
    "iam": "identity",
    "tls": "transport",
    "net": "network",
    "enc": "encryption",
    "sec": "secrets",
    "log": "logging",
    "mon": "monitoring",
    "res": "resilience",
    "con": "containers",
    "tag": "tags",
    "cost": "cost",
}


@dataclasses.dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong."""

    rule: str
    resource: str
    """`<type> <name>`, as in `Instance reports`."""
    words: str = dataclasses.field(compare=False)

    @property
    def group(self) -> str:
        """What the rule is about."""
        return GROUPS[self.rule.partition("-")[0]]


_FAULTS: dict[str, dict[str, str]] = {
    # identity
    "iam-no-admin": {
        "RolePolicy root-like-policy": "allows * on *",
        "Role owner-inline": "the same, spelled *:* in an inline policy",
    },
    "iam-no-service-wildcard": {"RolePolicy whole-service-policy": "allows s3:* on one bucket"},
    "iam-star-resource-only-where-required": {
        "RolePolicy every-queue-policy": "sends to every queue there is"
    },
    "iam-no-broad-arn-wildcard": {"RolePolicy every-table-policy": "names table/*"},
    "iam-no-allow-not": {
        "RolePolicy all-but-policy": "allows everything but iam:* (NotAction)",
        "RepositoryPolicy api": "lets everybody pull but one user (NotPrincipal)",
    },
    "iam-passrole-scoped": {
        "RolePolicy passes-any-policy": "passes any role to ECS",
        "RolePolicy passes-anywhere-policy": "passes one role to any service",
        "RolePolicy climber-policy": "passes any role to ECS",
    },
    "iam-permissions-management-scoped": {
        "RolePolicy grants-policy": "rewrites a bucket's policy",
        "RolePolicy puts-any-policy": "dynamodb:Put* holds PutResourcePolicy",
    },
    "iam-data-read-scoped": {"RolePolicy reads-all-policy": "reads every secret"},
    "iam-assume-role-scoped": {
        "RolePolicy becomes-any-policy": "assumes a role of that name in any account"
    },
    "iam-no-write-prefix-wildcard": {
        "RolePolicy puts-any-policy": "dynamodb:Put* also covers what comes later",
        "RolePolicy lists-any-policy": "dynamodb:Describe* (advice)",
    },
    "iam-policy-valid": {
        "RolePolicy typo-policy": "there is no dynamodb:PutItems",
        "RolePolicy misfit-policy": "s3:GetObject of a table",
        "Policy old-grammar": "version 2008-10-17",
        "Policy no-grammar": "is no JSON",
    },
    "iam-condition-sane": {"RolePolicy vacuous-policy": "ForAllValues holds for an absent key"},
    "iam-trust-no-public": {"Role anybodys": "AWS: * may assume it"},
    "iam-trust-cross-account": {
        "Role partners": "trusts an account that nobody vouched for",
        "Role colleagues": "trusts everybody in the own account",
    },
    "iam-trust-confused-deputy": {"Role deputy": "ECS may use it for any customer"},
    "iam-oidc-subject-pinned": {
        "Role any-branch": "subject repo:shop/shop:*",
        "Role any-workflow": "no subject at all",
        "Role second-door": "its second statement lets in any repository",
    },
    "iam-resource-policy-not-public": {
        "BucketPolicy shared-policy": "everybody reads the objects",
        "Key lent": "everybody decrypts",
        "Permission mails-by-all": "everybody calls the function",
    },
    "iam-resource-policy-service-source": {
        "TopicPolicy gossip-policy": "EventBridge publishes for any customer",
        "Permission mails-by-anybody": "EventBridge calls for any customer",
    },
    "iam-resource-policy-trusted-accounts": {
        "BucketPolicy lent-policy": "a role of another account reads",
        "SecretPolicy payments": "another account reads the secret",
    },
    "iam-vpc-endpoint-policy": {
        "VpcEndpoint s3": "has no policy",
        "VpcEndpoint ecr-api": "allows everybody everything",
    },
    "iam-no-privilege-escalation": {
        "Role climber": "one policy passes roles, another, attached, runs tasks"
    },
    "iam-oidc-role-bounded": {
        "Role unbounded": "a workflow changes things without a boundary",
        "Role all-day": "sessions of twelve hours",
    },
    "iam-no-elevated-managed-policies": {
        "RolePolicyAttachment power-attachment": "PowerUserAccess",
        "RolePolicyAttachment whole-bucket-attachment": "AmazonS3FullAccess",
        "Role owner": "AdministratorAccess, in managed_policy_arns",
    },
    "iam-no-aws-managed-policies": {
        "RolePolicyAttachment starter-attachment": "AmazonECSTaskExecutionRolePolicy"
    },
    "iam-no-users": {"User robot": "a user", "AccessKey robot": "and its key"},
    "iam-no-policy-management-conflict": {
        "Role twice": "inline policies beside a RolePolicy",
        "PolicyAttachment exclusive": "detaches the policy everywhere else",
    },
    "iam-secret-least-readers": {
        "RolePolicy snoop-policy": "reads a secret that nothing of its own uses",
        "Secret unread": "nobody reads it (advice)",
        "Parameter token": "nobody reads it (advice)",
    },
    # transport
    "tls-listener-https": {
        "Listener admin-http": "forwards in clear, written as aws.alb.Listener",
        "Listener admin-temporary": "redirects, but not for good (302)",
    },
    "tls-listener-rule-no-http-forward": {
        "ListenerRule web-bypass": "forwards what the listener redirects"
    },
    "tls-listener-policy": {"Listener admin-https": "ELBSecurityPolicy-2016-08"},
    "tls-listener-acm-certificate": {"Listener admin-https": "a certificate of IAM"},
    "tls-listener-post-quantum": {"Listener admin-https": "no post-quantum key exchange"},
    "tls-hsts": {
        "Listener admin-https": "no Strict-Transport-Security",
        "ResponseHeadersPolicy hour": "an hour of Strict-Transport-Security",
    },
    "tls-target-group": {"TargetGroup machines": "plain HTTP to instances"},
    "tls-cloudfront-viewer": {"Distribution old-site": "/api is served over HTTP, too"},
    "tls-cloudfront-minimum": {"Distribution old-site": "CloudFront's own certificate"},
    "tls-cloudfront-origin": {"Distribution old-site": "asks its origin as it was asked"},
    "tls-certificate-strong": {
        "Certificate mailed": "renewed only if somebody reads a mail",
        "Certificate wild": "for every name under shop.example (advice)",
    },
    "tls-rds-force-ssl": {
        "Instance reports": "has no parameter group",
        "Instance stock": "MySQL, require_secure_transport OFF",
        "Proxy orders-proxy": "does not require TLS",
    },
    "tls-cache-transit": {
        "ReplicationGroup carts": "no TLS",
        "ReplicationGroup prices": "TLS is only preferred",
    },
    "tls-s3-deny-insecure": {
        "Bucket in-clear": "no policy refuses plain HTTP",
        "Bucket nearly-safe": "a policy refuses it to one address only",
    },
    "tls-sns-secure": {
        "Topic chatty": "no policy refuses plain HTTP",
        "TopicSubscription gossip-hook": "delivers over http",
        "Queue http": "no policy refuses plain HTTP",
    },
    "tls-ecs-efs-transit": {"TaskDefinition feeds": "mounts a file system without IAM"},
    # network
    "net-sg-public-ingress": {
        "SecurityGroup bastion": "SSH from everywhere, written in the group",
        "SecurityGroupIngressRule worker-half-the-internet": "443 from 128.0.0.0/1, no balancer",
        "SecurityGroupRule mixed-old": "RDP from ::/0",
    },
    "net-default-sg-closed": {
        "Vpc forgotten": "nobody emptied its default group",
        "DefaultSecurityGroup partner-default": "lets its members in",
    },
    "net-subnet-no-auto-public-ip": {"Subnet public-b": "hands out public addresses"},
    "net-ecs-no-public-ip": {
        "Service shop": "tasks have public addresses",
        "EventTarget nightly": "so do those that EventBridge starts",
        "Schedule hourly": "and those of the scheduler",
    },
    "net-db-not-public": {"Instance reports": "has a public address"},
    "net-no-internet-path-to-data": {
        "SecurityGroupIngressRule data-from-edge": "the load balancer's group reaches the data",
        "SecurityGroupIngressRule data-from-vpc": "everything in the VPC does",
        "SecurityGroupRule search-every-port": "on every port",
    },
    "net-data-subnets-private": {
        "SubnetGroup leaky": "one of its subnets reaches the internet gateway",
        "Instance reports": "is in the default VPC",
        "ReplicationGroup carts": "is in the default VPC",
    },
    "net-alb-has-waf": {"LoadBalancer admin": "no web ACL, written as aws.alb.LoadBalancer"},
    "net-cloudfront-has-waf": {"Distribution old-site": "no web ACL"},
    "net-waf-effective": {"WebAcl trial": "only counts known attacks"},
    "net-alb-only-from-cloudfront": {"LoadBalancer web": "reached past the distribution"},
    "net-alb-hardened": {"LoadBalancer admin": "lets malformed headers through"},
    "net-lambda-url-auth": {"FunctionUrl images": "anybody calls it"},
    "net-s3-public-access-block": {
        "Bucket uploads": "has no public access block",
        "Bucket half-blocked": "has three quarters of one",
        "BucketAcl listed-acl": "public-read",
    },
    "net-cloudfront-oac": {"Distribution old-site": "a bucket without access control"},
    "net-sg-egress": {"SecurityGroupEgressRule worker-anywhere": "everything, everywhere"},
    "net-sg-described": {
        "SecurityGroup mixed": "the provider's own description",
        "SecurityGroupIngressRule worker-unsaid": "no description",
    },
    "net-sg-no-rule-conflict": {
        "SecurityGroup twofold": "rules in the group and beside it",
        "SecurityGroup mixed": "rules of two kinds of resource",
    },
    "net-nacl-no-admin-ports": {"NetworkAcl wide": "allows every port before it denies SSH"},
    "net-vpc-endpoints": {"Vpc main": "secrets are fetched through NAT"},
    "net-ssm-document-private": {"Document restart": "shared with everybody"},
    "net-db-non-default": {"Instance reports": "the master user is postgres"},
    "net-vpc-block-public-access": {"VpcBlockPublicAccessOptions region": "off"},
    # encryption
    "enc-rds": {"Instance reports": "storage in clear"},
    "enc-cache": {"ReplicationGroup carts": "data in clear"},
    "enc-s3-kms": {"BucketV2 exports": "S3's own key, written as aws.s3.BucketV2"},
    "enc-secret-cmk": {"Secret legacy": "AWS's own key"},
    "enc-log-group": {"LogGroup readable": "no key"},
    "enc-sns-kms": {
        "Topic plain": "no key",
        "Topic mute": "a key that lets no alarm in: it is lost without a word",
    },
    "enc-kms-rotation": {"Key old": "never rotates"},
    "enc-kms-key-policy": {
        "Key bare": "no policy",
        "Key stuck": "a policy that nobody can change",
        "Key hasty": "deleted after a week (advice)",
    },
    "enc-ssm-parameter": {"Parameter mail-password": "a password of type String"},
    "enc-ecr-kms": {"Repository shop": "no key of our own"},
    "enc-backup-vault": {"Vault loose": "no key of our own"},
    "enc-sqs": {
        "Queue open": "encryption switched off",
        "Queue endless": "no dead-letter queue (advice)",
    },
    # secrets
    "sec-no-plaintext-env": {
        "TaskDefinition shop": "SESSION_SECRET stands there",
        "TaskDefinition thumbnails": "a password in a URL on the command line",
        "Function images": "a Stripe key under a harmless name",
    },
    "sec-db-password-managed": {"Instance reports": "the password lies in the state"},
    "sec-rotation": {
        "Secret legacy": "never changes",
        "Secret forever": "changes once a year",
    },
    "sec-secret-recoverable": {"Secret legacy": "deleted is gone"},
    "sec-cache-auth": {"ReplicationGroup carts": "asks nobody who they are"},
    "sec-secret-version-not-in-state": {
        "SecretVersion legacy": "the value lies in the state",
        "Parameter token": "the value lies in the state",
    },
    "sec-rds-iam-auth": {"Instance reports": "no IAM authentication"},
    # logging and monitoring
    "log-alb": {"LoadBalancer admin": "no access logs"},
    "log-cloudfront": {"Distribution old-site": "no access logs"},
    "log-waf": {
        "WebAcl trial": "no logs",
        "WebAcl cdn": "logs cookies",
    },
    "log-vpc-flow": {
        "Vpc forgotten": "no flow log",
        "Vpc partner": "records only what was accepted",
    },
    "log-retention": {
        "LogGroup endless": "kept for ever",
        "LogGroup short": "kept for a week",
    },
    "log-containers": {"TaskDefinition shop": "a container without logs"},
    "log-rds": {"Instance reports": "exports no log, measures nothing"},
    "log-container-insights": {"Cluster blind": "no Container Insights"},
    "log-s3-access": {"Bucket drafts": "nobody knows who read what"},
    "log-dns": {"Zone campaign": "no query log"},
    "mon-alarm-has-action": {
        "MetricAlarm silent": "fires, and nothing happens",
        "MetricAlarm switched-off": "its actions are off",
    },
    "mon-alarm-reaches-someone": {"MetricAlarm deaf-alarm": "nobody is subscribed"},
    "mon-tracing": {
        "TaskDefinition shop": "sends traces to a daemon that is not there",
        "Function images": "is not traced",
    },
    "mon-alarm-coverage": {
        "Instance reports": "nobody watches it",
        "LoadBalancer admin": "nobody watches it",
        "ReplicationGroup carts": "nobody watches it",
        "Service shop": "nobody watches it",
    },
    "mon-rds-events": {"Instance reports": "left out of the event subscription"},
    # resilience
    "res-rds-multi-az": {
        "Instance reports": "one zone",
        "Cluster search": "one instance",
    },
    "res-rds-backup": {"Instance reports": "no backups"},
    "res-rds-delete-protected": {"Instance reports": "deleted by mistake, without a snapshot"},
    "res-cache-ha": {
        "ReplicationGroup carts": "one node",
        "ReplicationGroup prices": "snapshots of one day (advice)",
    },
    "res-backup-coverage": {
        "Instance reports": "in no backup plan",
        "Bucket unsaved": "in no backup plan",
        "Plan week": "keeps backups for a week",
    },
    "res-alb": {"LoadBalancer admin": "one zone, deleted by mistake"},
    "res-ecs-ha": {"Service shop": "one task in one subnet"},
    "res-ecs-rollback": {"Service shop": "stops all tasks, rolls nothing back"},
    "res-s3-versioned": {
        "Bucket drafts": "no versions",
        "Bucket hoard": "no lifecycle",
    },
    "res-protect-stateful": {
        "Instance reports": "pulumi destroy deletes it",
        "Bucket drafts": "pulumi destroy deletes it",
        "Bucket hoard": "force_destroy",
        "Key old": "pulumi destroy deletes it",
        "Vault loose": "pulumi destroy deletes it",
        "Zone campaign": "pulumi destroy deletes it, and what is in it",
    },
    "res-minor-upgrades": {
        "Instance reports": "no patches",
        "ReplicationGroup carts": "no patches",
    },
    "res-backup-vault-lock": {"Vault loose": "backups can be deleted"},
    "res-target-health-check": {"TargetGroup machines": "asks /"},
    "res-cloudfront-shape": {"Distribution old-site": "no first page"},
    "res-dnssec": {"Zone campaign": "not signed"},
    # containers
    "con-readonly-root": {"TaskDefinition shop": "may change its own files"},
    "con-not-privileged": {"TaskDefinition feeds": "privileged"},
    "con-non-root-user": {
        "TaskDefinition shop": "whoever the image says",
        "TaskDefinition thumbnails": "user 0:0",
    },
    "con-no-host-namespace": {"TaskDefinition shop": "the network of its host"},
    "con-image-pinned": {
        "TaskDefinition shop": "latest",
        "TaskDefinition feeds": "a tag that can be moved",
    },
    "con-ecr-repository": {"Repository shop": "tags move, images are not scanned"},
    "con-role-separation": {
        "TaskDefinition shop": "one role for the application and for ECS",
        "TaskDefinition feeds": "one role for two applications",
        "TaskDefinition thumbnails": "one role for two applications",
    },
    "con-exec-controlled": {"Service shop": "a shell in production"},
    "con-drop-capabilities": {"TaskDefinition shop": "all capabilities, no init"},
    "con-platform-latest": {"Service shop": "platform 1.3.0"},
    "con-lambda": {"Function images": "Python 3.8"},
    # tags and cost
    "tag-required": {"LogGroup nobodys": "a provider without default tags"},
    "cost-size-allowed": {
        "Instance reports": "db.x2iedn.xlarge",
        "TaskDefinition shop": "8 vCPU",
    },
    "cost-dev-shape": {
        "NatGateway nat": "one for two zones",
        "Eip forgotten": "paid for, and unused",
    },
    "cost-graviton": {
        "Instance reports": "Intel",
        "ReplicationGroup carts": "Intel",
        "TaskDefinition shop": "Intel",
        "Function images": "Intel",
    },
    "cost-storage-modern": {"Instance reports": "gp2, and no room to grow"},
    "cost-budget": {"Service api": "no budget tells anybody"},
}
FAULTS = tuple(
    sorted(
        Fault(rule, resource, words)
        for rule, found in _FAULTS.items()
        for resource, words in found.items()
    )
)
PUT_RIGHT = frozenset({"enc-kms-rotation", "net-alb-hardened"})
"""Rules that the engine lets repair the fault rather than report it."""


def label(type_: str, name: str) -> str:
    """How the table names a resource."""
    return f"{type_.rpartition(':')[2]} {name}"


@functools.cache
def graph(*, preview: bool) -> Graph:
    """The resources of the weak stack: with made-up answers, or as on its first preview."""
    answers = Answerer(strong.ACCOUNT, strong.REGION)
    return run_program(
        weak_program.build,
        answer=unknown_answer if preview else answers.answer,
        project="shop",
        stack="production",
        preview=preview,
    )


def judge_as_the_engine(resources: Graph | None = None) -> list[Finding]:
    """What the pack says in a process of its own, over gRPC, with everything known."""
    with tempfile.TemporaryDirectory() as directory:
        config = StackConfig(
            project="shop",
            stack="production",
            directory=Path(directory),
            main=Path(directory),
            values={"aws:region": strong.REGION},
            secret_keys=frozenset(),
            substituted=(),
            disabled_default_providers=frozenset(),
        )
        with PolicyPack(ROOT / "policies", config, dry_run=False) as pack:
            return pack.analyze(resources or graph(preview=False))


def named(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    """Rule and resource of each; what could not be evaluated is not found."""
    return {
        (f.rule, label(f.type, f.resource))
        for f in findings
        if f.kind != "not evaluated" and "not evaluated:" not in f.reason
    }


def table(found: set[tuple[str, str]]) -> str:
    """The faults by group, each with whether it was found, and how many there are."""
    lines: list[str] = []
    for group in dict.fromkeys(GROUPS.values()):
        lines += ["", group]
        for fault in (f for f in FAULTS if f.group == group):
            mark = "found " if (fault.rule, fault.resource) in found else "MISSED"
            lines.append(f"  {mark}  {fault.rule:38} {fault.resource:50} {fault.words}")
    planted = {(f.rule, f.resource) for f in FAULTS}
    lines += ["", *(f"  NOT PLANTED  {rule:38} {resource}" for rule, resource in found - planted)]
    ruled = {f.rule for f in FAULTS}
    lines.append(
        f"{len(FAULTS)} faults in {len(graph(preview=False).custom)} resources, by {len(ruled)} of "
        f"{len(rules.ALL)} rules in {len({f.group for f in FAULTS})} groups: "
        f"{len(planted & found)} found, {len(planted - found)} missed, "
        f"{len(found - planted)} found that are none."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    os.chdir(ROOT)
    said = named(judge_as_the_engine())
    print(table(said).lstrip("\n"))
    sys.exit(said != {(f.rule, f.resource) for f in FAULTS})
