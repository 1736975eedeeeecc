"""PostgreSQL on RDS that nothing reaches by default and nobody loses by mistake."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import database_rules
from components.database_monitoring import DatabaseMonitoring
from components.database_secret import DatabaseSecret, version_of
from components.encryption_key import EncryptionKey

PORT = 5432
LOG_TYPES = ("postgresql", "upgrade")
"""What RDS for PostgreSQL can export:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html"""
PARAMETERS = {
    # TLS or nothing; the default since 15, written down because a policy and a reader look for it:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    "rds.force_ssl": "1",
    # What changes the schema, what takes a second, who waits for a lock, and what spills to disk.
    "log_statement": "ddl",
    "log_min_duration_statement": "1000",
    "log_lock_waits": "1",
    "log_temp_files": "10240",
}


class DatabaseArgs(TypedDict):
    """What the caller decides. Everything else is this component's decision."""

    vpc_id: pulumi.Input[str]
    """VPC of the database."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Two or more subnets without a route to the internet, each in its own Availability Zone."""
    account_id: pulumi.Input[str]
    """Account of the database, for the policies of its key and of its monitoring."""
    region: str
    """Region of the database."""
    engine_version: str
    """PostgreSQL version. A major such as `17` is kept current by RDS; a minor such as `17.4` stays
    what it is, because RDS and the program would otherwise undo each other's upgrades."""
    instance_class: str
    """Size of the machine, such as `db.t4g.micro`."""
    allocated_storage: int
    """Storage to begin with, in GiB, 20 to 65536."""
    max_allocated_storage: NotRequired[int]
    """Storage in GiB that RDS may grow to; 0 never grows. Defaults to five times the beginning: a
    full disk stops the database, a larger one costs a few cents."""
    multi_az: NotRequired[bool]
    """Whether a standby in another zone takes over by itself. Defaults to True."""
    database_name: NotRequired[str]
    """Database that RDS creates first. Defaults to `babyrobots`."""
    username: NotRequired[pulumi.Input[str]]
    """Master user. Defaults to `dbadmin`. Applications do not use it; they have users of their
    own. Changing it replaces the instance, which the fixed identifier turns into a refusal."""
    password: NotRequired[pulumi.Input[str]]
    """The master user's password; needs `username`. Defaults to none: RDS makes one, keeps it in
    Secrets Manager under the database's key and rotates it weekly:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html"""
    identifier: NotRequired[str]
    """Name of the instance. Defaults to `<project>-<stack>-<name>`. Fixed, so that a change that
    would replace the instance fails ("already exists") and blanks nothing."""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key of storage, snapshots, insights and credentials, as when restoring a snapshot that
    another key encrypts. Defaults to a key of the database's own."""
    backup_retention_days: NotRequired[int]
    """Days that can be gone back to, 1 to 35. Defaults to 35, the most."""
    backup_window: NotRequired[str]
    """When the daily backup runs, in UTC. Defaults to `02:00-03:00`, night in Europe."""
    maintenance_window: NotRequired[str]
    """When RDS may restart the instance, in UTC. Defaults to `sun:03:30-sun:04:30`."""
    deletion_protection: NotRequired[bool]
    """Whether AWS refuses to delete the instance. Defaults to True."""
    final_snapshot: NotRequired[bool]
    """Whether deleting the instance leaves a snapshot, `<identifier>-final`, and the automated
    backups. Defaults to True. The name is fixed, so that the second deletion of a database fails
    until somebody has looked at what the first one left."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the instance and its key. Defaults to True."""
    snapshot_identifier: NotRequired[str]
    """Snapshot to create the instance from. Defaults to none. Only looked at on creation: to change
    or remove it later changes nothing."""
    blue_green_update: NotRequired[bool]
    """Whether an update that restarts the instance is made on a copy that then takes over. Defaults
    to False: the copy costs as much as the original while it lasts:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/blue-green-deployments.html"""
    allow_major_version_upgrade: NotRequired[bool]
    """Whether a new major in `engine_version` may be applied. Defaults to False: it cannot be
    undone, so it is asked for twice."""
    extended_support: NotRequired[bool]
    """Whether a version past its end of life is kept for an hourly charge. Defaults to False: RDS
    then upgrades it, which is announced a year before:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support.html"""
    performance_insights: NotRequired[bool]
    """Whether RDS keeps what the load consists of (Database Insights). Defaults to True."""
    performance_insights_retention_days: NotRequired[int]
    """Days of it: 7, 731 or a multiple of 31. Defaults to 7, which are free."""
    monitoring_interval_seconds: NotRequired[int]
    """Seconds between two records of the operating system: 1, 5, 10, 15, 30, 60, or 0 for none.
    Defaults to 60, which costs least."""
    log_retention_days: NotRequired[int]
    """Days that the exported logs are kept. Defaults to 365 (Security Hub CloudWatch.16)."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key that encrypts the exported logs. Defaults to the database's own."""
    ca_certificate: NotRequired[str]
    """Authority of the server's certificate. Defaults to `rds-ca-rsa2048-g1`, valid until 2061 and
    known to every client; `rds-ca-ecc384-g1` is shorter and as good:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html"""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child, and for the snapshots. Defaults to none."""


class Database(pulumi.ComponentResource):
    """An encrypted, backed up and monitored instance in isolated subnets.

    Its security group lets nothing in and nothing out; whoever asks for the database is admitted by
    a `Connection`. What RDS changes by restarting waits for the maintenance window.
    """

    endpoint: pulumi.Output[str]
    """`<address>:<port>`."""
    address: pulumi.Output[str]
    """Host name of the instance."""
    port: pulumi.Output[int]
    """Port of the instance."""
    database_name: pulumi.Output[str]
    """Database that RDS created first."""
    secret_arn: pulumi.Output[str]
    """Secret with the master user's `username` and `password`."""
    security_group_id: pulumi.Output[str]
    """Group that a `Connection` leads to."""
    identifier: pulumi.Output[str]
    """Name of the instance."""
    arn: pulumi.Output[str]
    """ARN of the instance, for backups."""
    resource_id: pulumi.Output[str]
    """`db-...`, which an IAM policy for `rds-db:connect` names:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html"""
    kms_key_arn: pulumi.Output[str]
    """Key that whoever reads the secret must be able to decrypt with."""
    log_group_names: pulumi.Output[Sequence[str]]
    """Log groups of the instance."""

    def __init__(
        self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses, all at once, what RDS would refuse one by one after minutes."""
        identifier = args.get("identifier") or database_rules.identifier(
            pulumi.get_project(), pulumi.get_stack(), name
        )
        _refuse_mistakes(name, identifier, args)
        super().__init__("babyrobots:index:Database", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        key_arn = _key_arn(name, identifier, args, child)
        monitoring = DatabaseMonitoring(
            f"{name}-monitoring",
            {
                "identifier": identifier,
                "region": args["region"],
                "account_id": args["account_id"],
                "log_types": LOG_TYPES,
                "log_retention_days": args.get("log_retention_days", 365),
                "log_kms_key_arn": args.get("log_kms_key_arn", key_arn),
                "enhanced": args.get("monitoring_interval_seconds", 60) > 0,
                "tags": args.get("tags", {}),
            },
            opts=child,
        )
        subnet_group = aws.rds.SubnetGroup(
            f"{name}-subnets",
            description=f"Isolated subnets of the database {name}",
            subnet_ids=args["subnet_ids"],
            tags=tags,
            opts=child,
        )
        security_group = aws.ec2.SecurityGroup(
            f"{name}-sg",
            vpc_id=args["vpc_id"],
            description=f"Database {name}: in from those who asked, out to nobody",
            tags=tags,
            opts=child,
        )
        instance = aws.rds.Instance(
            f"{name}-instance",
            identifier=identifier,
            db_subnet_group_name=subnet_group.name,
            vpc_security_group_ids=[security_group.id],
            parameter_group_name=_parameter_group(name, args, tags, child).name,
            **_engine(args),
            **_storage(args, key_arn),
            **_credentials(args, key_arn),
            **_recovery(identifier, args),
            **_insight(args, key_arn, monitoring.role_arn),
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.get("protect", True),
                # A snapshot begins a database; to let go of it must not begin it again.
                ignore_changes=["snapshot_identifier"],
                # RDS would create the log groups itself, and keep what is in them for ever.
                depends_on=[monitoring],
                # A blue/green update copies the whole database first.
                custom_timeouts=pulumi.CustomTimeouts(create="1h", update="3h", delete="1h"),
            ),
        )

        self.endpoint = instance.endpoint
        self.address = instance.address
        self.port = instance.port
        self.database_name = instance.db_name
        self.secret_arn = self._secret_arn(name, args, instance, key_arn)
        self.security_group_id = security_group.id
        self.identifier = instance.identifier
        self.arn = instance.arn
        self.resource_id = instance.resource_id
        self.kms_key_arn = key_arn
        self.log_group_names = monitoring.log_group_names
        self.register_outputs(
            {output: getattr(self, output) for output in sorted(Database.__annotations__)}
        )

    def _secret_arn(
        self,
        name: str,
        args: DatabaseArgs,
        instance: aws.rds.Instance,
        key_arn: pulumi.Output[str],
    ) -> pulumi.Output[str]:
        if "password" in args:
            return DatabaseSecret(
                f"{name}-master",
                {
                    "kms_key_arn": key_arn,
                    "username": args.get("username", ""),
                    "password": args["password"],
                    "host": instance.address,
                    "port": instance.port,
                    "database_name": args.get("database_name", "babyrobots"),
                    "recovery_window_days": 30 if args.get("final_snapshot", True) else 7,
                    "tags": args.get("tags", {}),
                },
                opts=pulumi.ResourceOptions(parent=self),
            ).arn
        # Empty while a preview shows the move from a given password to one that RDS makes.
        return instance.master_user_secrets.apply(
            lambda secrets: (secrets[0].secret_arn or "") if secrets else ""
        )


def _key_arn(
    name: str, identifier: str, args: DatabaseArgs, child: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    if "kms_key_arn" in args:
        return pulumi.Output.from_input(args["kms_key_arn"])
    return EncryptionKey(
        f"{name}-database",
        {
            "description": f"Storage, backups, insights, logs and credentials of {identifier}",
            "account_id": args["account_id"],
            "region": args["region"],
            "services": ("rds", "secretsmanager"),
            "log_groups": (f"/aws/rds/instance/{identifier}/*",),
            "deletion_window_days": 30 if args.get("final_snapshot", True) else 7,
            "protect": args.get("protect", True),
            "tags": args.get("tags", {}),
        },
        opts=child,
    ).arn


def _parameter_group(
    name: str, args: DatabaseArgs, tags: Mapping[str, str], child: pulumi.ResourceOptions
) -> aws.rds.ParameterGroup:
    """A group per family: a new major gets a new one before the old one, still in use, goes."""
    family = f"postgres{database_rules.major_version(args['engine_version'])}"
    return aws.rds.ParameterGroup(
        f"{name}-{family}",
        family=family,
        description=f"Database {name} on {family}",
        parameters=[
            {"name": parameter, "value": value, "apply_method": "immediate"}
            for parameter, value in sorted(PARAMETERS.items())
        ],
        tags=tags,
        opts=child,
    )


def _engine(args: DatabaseArgs) -> dict[str, Any]:
    version = args["engine_version"]
    blue_green = {"blue_green_update": {"enabled": True}} if args.get("blue_green_update") else {}
    lifecycle = (
        {}
        if args.get("extended_support", False)
        else {"engine_lifecycle_support": "open-source-rds-extended-support-disabled"}
    )
    return {
        "engine": "postgres",
        "engine_version": version,
        "auto_minor_version_upgrade": "." not in version,
        "allow_major_version_upgrade": args.get("allow_major_version_upgrade", False),
        "instance_class": args["instance_class"],
        "port": PORT,
        "multi_az": args.get("multi_az", True),
        "publicly_accessible": False,
        "ca_cert_identifier": args.get("ca_certificate", "rds-ca-rsa2048-g1"),
        "maintenance_window": _maintenance_window(args),
        "apply_immediately": False,
        **lifecycle,
        **blue_green,
    }


def _storage(args: DatabaseArgs, key_arn: pulumi.Output[str]) -> dict[str, Any]:
    return {
        "storage_type": "gp3",
        "allocated_storage": args["allocated_storage"],
        "max_allocated_storage": _max_allocated_storage(args),
        "storage_encrypted": True,
        "kms_key_id": key_arn,
    }


def _credentials(args: DatabaseArgs, key_arn: pulumi.Output[str]) -> dict[str, Any]:
    """RDS makes the password, or it is handed over through a write-only input.

    The provider never reads a write-only input back. Pulumi keeps inputs, these encrypted.
    """
    common = {
        "db_name": args.get("database_name", "babyrobots"),
        "username": args.get("username", "dbadmin"),
        "iam_database_authentication_enabled": True,
    }
    if "password" in args:
        return {
            **common,
            # The SDK makes a secret of it, whatever it came as; a test holds it to that.
            "password_wo": args["password"],
            "password_wo_version": version_of(args["password"]),
        }
    return {
        **common,
        "manage_master_user_password": True,
        "master_user_secret_kms_key_id": key_arn,
    }


def _recovery(identifier: str, args: DatabaseArgs) -> dict[str, Any]:
    snapshot = args.get("snapshot_identifier", "")
    final = args.get("final_snapshot", True)
    return {
        "backup_retention_period": args.get("backup_retention_days", 35),
        "backup_window": args.get("backup_window", "02:00-03:00"),
        "copy_tags_to_snapshot": True,
        "delete_automated_backups": not final,
        "deletion_protection": args.get("deletion_protection", True),
        "skip_final_snapshot": not final,
        **({"final_snapshot_identifier": f"{identifier}-final"} if final else {}),
        **({"snapshot_identifier": snapshot} if snapshot else {}),
    }


def _insight(
    args: DatabaseArgs, key_arn: pulumi.Output[str], role_arn: pulumi.Output[str]
) -> dict[str, Any]:
    interval = args.get("monitoring_interval_seconds", 60)
    insights = {"performance_insights_enabled": args.get("performance_insights", True)}
    if insights["performance_insights_enabled"]:
        days = args.get("performance_insights_retention_days", 7)
        insights |= {
            "performance_insights_kms_key_id": key_arn,
            "performance_insights_retention_period": days,
        }
    return {
        "enabled_cloudwatch_logs_exports": list(LOG_TYPES),
        "monitoring_interval": interval,
        **({"monitoring_role_arn": role_arn} if interval else {}),
        **insights,
    }


def _maintenance_window(args: DatabaseArgs) -> str:
    # RDS answers in small letters; others would differ at every preview.
    return args.get("maintenance_window", "sun:03:30-sun:04:30").lower()


def _max_allocated_storage(args: DatabaseArgs) -> int:
    begin = args["allocated_storage"]
    grown = min(5 * begin, database_rules.MOST_STORAGE)
    # So near the end that RDS would not take a limit.
    return args.get("max_allocated_storage", grown if grown >= 1.1 * begin else 0)


def _refuse_mistakes(name: str, identifier: str, args: DatabaseArgs) -> None:
    """Only what is plain now can be checked now: a name or password that is an output is not."""
    username, password = args.get("username"), args.get("password")
    problems = [
        *database_rules.identifier_problems(identifier),
        *database_rules.version_problems(args["engine_version"]),
        *database_rules.storage_problems(args["allocated_storage"], _max_allocated_storage(args)),
        *database_rules.window_problems(
            args.get("backup_window", "02:00-03:00"), _maintenance_window(args)
        ),
        *database_rules.credential_problems(
            username if isinstance(username, str) else None,
            password if isinstance(password, str) else None,
        ),
    ]
    if password is not None and username is None:
        problems.append("password is given without username; give both, or let RDS make one")
    days = args.get("backup_retention_days", 35)
    if not 1 <= days <= 35:
        problems.append(f"backup_retention_days is {days}; RDS goes back 1 to 35")
    interval = args.get("monitoring_interval_seconds", 60)
    if interval not in database_rules.MONITORING_INTERVALS:
        problems.append(
            f"monitoring_interval_seconds is {interval}; RDS takes"
            f" {', '.join(map(str, database_rules.MONITORING_INTERVALS))}"
        )
    kept = args.get("performance_insights_retention_days", 7)
    if kept not in database_rules.INSIGHTS_RETENTION and (kept < 31 or kept % 31 or kept > 713):
        problems.append(
            f"performance_insights_retention_days is {kept}; RDS takes 7, 731 or a multiple of 31"
        )
    if problems:
        raise ValueError(f"Database {name!r}: " + "; ".join(problems))
