"""Faults that somebody could make tomorrow, and the test that notices each.

`python -m tests.program.faults` prints the table. Each fault is made in a copy of the project,
never in the project itself, and its test has to fail. A fault whose text is no longer there is
itself an error: the table must keep up with the code.
"""

import dataclasses
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Fault:
    """One change that must not pass: `old` becomes `new` in `file`, and `tests` has to fail."""

    what: str
    file: str
    old: str
    new: str
    tests: str


C, T = "components", "tests/components"
FAULTS = (
    Fault(
        "tasks get a public address",
        f"{C}/fargate_service.py",
        '"assign_public_ip": False',
        '"assign_public_ip": True',
        f"{T}/test_fargate_service.py",
    ),
    Fault(
        "tasks run in public subnets",
        "components/fargate_service.py",
        '"subnets": args["subnet_ids"]',
        '"subnets": ["subnet-public"]',
        f"{T}/test_fargate_service.py",
    ),
    Fault(
        "services are given the subnets of the load balancer",
        "wiring.py",
        '"subnet_ids": self.network.private_subnet_ids,\n            "connections": [backing.peer'
        " for backing in self.backings_of(service)],\n            **task_counts",
        '"subnet_ids": self.network.public_subnet_ids,\n            "connections": [backing.peer'
        " for backing in self.backings_of(service)],\n            **task_counts",
        "tests/program/test_wiring.py",
    ),
    Fault(
        "HTTP is not redirected to HTTPS",
        f"{C}/public_alb.py",
        '"redirect": {"protocol": "HTTPS"',
        '"redirect": {"protocol": "HTTP"',
        f"{T}/test_public_alb.py",
    ),
    Fault(
        "a failed deployment is not rolled back",
        f"{C}/fargate_service.py",
        '{"enable": True, "rollback": True},\n        "alarms"',
        '{"enable": True, "rollback": False},\n        "alarms"',
        f"{T}/test_fargate_service.py",
    ),
    Fault(
        "a deployment undoes what autoscaling decided",
        f"{C}/fargate_service.py",
        'ignore_changes=["desiredCount"] if _scales(args) else None',
        "ignore_changes=None",
        f"{T}/test_fargate_service.py",
    ),
    Fault(
        "the execution role and the task role are swapped",
        f"{C}/fargate_task.py",
        "execution_role_arn=execution_role.arn",
        "execution_role_arn=task_role.arn",
        f"{T}/test_fargate_task.py",
    ),
    Fault(
        "old task definitions are deregistered",
        f"{C}/fargate_task.py",
        "skip_destroy=True",
        "skip_destroy=False",
        f"{T}/test_fargate_task.py",
    ),
    Fault(
        "the root filesystem is writable",
        f"{C}/containers.py",
        '"readonlyRootFilesystem": True',
        '"readonlyRootFilesystem": False',
        "tests/pure/test_containers.py",
    ),
    Fault(
        "a connection leads the wrong way",
        f"{C}/connection.py",
        'security_group_id=args["client_security_group_id"],\n            referenced',
        'security_group_id=args["server_security_group_id"],\n            referenced',
        f"{T}/test_connection.py",
    ),
    Fault(
        "an output is not registered",
        f"{C}/connection.py",
        '{"egress_rule_id": self.egress_rule_id, "ingress_rule_id": self.ingress_rule_id}',
        '{"egress_rule_id": self.egress_rule_id}',
        f"{T}/test_connection.py",
    ),
    Fault(
        "a child has no parent",
        f"{C}/database_events.py",
        "opts=pulumi.ResourceOptions(parent=self)",
        "opts=pulumi.ResourceOptions()",
        f"{T}/test_database_events.py",
    ),
    Fault(
        "a resource is renamed",
        f"{C}/database_events.py",
        'f"{name}-events"',
        'f"{name}-event"',
        "tests/program/test_names.py",
    ),
    Fault(
        "the database is public",
        f"{C}/database.py",
        '"publicly_accessible": False',
        '"publicly_accessible": True',
        f"{T}/test_database.py",
    ),
    Fault(
        "the database's storage is not encrypted",
        f"{C}/database.py",
        '"storage_encrypted": True',
        '"storage_encrypted": False',
        f"{T}/test_database.py",
    ),
    Fault(
        "image tags can be moved",
        f"{C}/image_repository.py",
        'image_tag_mutability="IMMUTABLE"',
        'image_tag_mutability="MUTABLE"',
        f"{T}/test_image_repository.py",
    ),
    Fault(
        "a key is never rotated",
        f"{C}/encryption_key.py",
        "enable_key_rotation=True",
        "enable_key_rotation=False",
        f"{T}/test_encryption_key.py",
    ),
    Fault(
        "the cache speaks without TLS too",
        f"{C}/cache.py",
        'transit_encryption_mode="required"',
        'transit_encryption_mode="preferred"',
        f"{T}/test_cache.py",
    ),
    Fault(
        "the cache loses its protection",
        f"{C}/cache.py",
        'child, pulumi.ResourceOptions(protect=args.get("protect", True))',
        "child, pulumi.ResourceOptions(protect=False)",
        f"{T}/test_cache.py",
    ),
    Fault(
        "the firewall logs credentials",
        f"{C}/web_acl.py",
        '{"single_header": {"name": "authorization"}},\n',
        "",
        f"{T}/test_web_acl.py",
    ),
    Fault(
        "a managed group only counts",
        f"{C}/waf_rules.py",
        '"OverrideAction": {"None": {}} if block else {"Count": {}}',
        '"OverrideAction": {"Count": {}}',
        "tests/pure/test_waf_rules.py",
    ),
    Fault(
        "an alarm tells nobody",
        f"{C}/alarms.py",
        'alarm_actions=[args["topic_arn"]]',
        "alarm_actions=[]",
        f"{T}/test_alarms.py",
    ),
    Fault(
        "CloudWatch may not publish to the topic",
        f"{C}/alarm_topic.py",
        '"service_principals": tuple(PUBLISHERS)',
        '"service_principals": ("events.rds.amazonaws.com",)',
        f"{T}/test_alarm_topic.py",
    ),
    Fault(
        "backups are made of any stack",
        f"{C}/backups.py",
        '"key": TAG, "value": args["tag_value"]',
        '"key": TAG, "value": "yes"',
        f"{T}/test_backups.py",
    ),
    Fault(
        "a default provider is used",
        "__main__.py",
        'network = Network("main", args.network(logs_key), placed)',
        'network = Network("main", args.network(logs_key))',
        "tests/program/test_hygiene.py",
    ),
    Fault(
        "zones of another region are accepted",
        f"{C}/subnets.py",
        r'rf"{re.escape(region)}[{ZONE_LETTERS}]"',
        r'rf".*[{ZONE_LETTERS}]"',
        "tests/pure/test_subnets.py",
    ),
    Fault(
        "a check passes whatever it sees",
        "ops/verify/services.py",
        "return finished and newest and running == desired, detail",
        "return True, detail",
        "tests/ops/test_checks.py",
    ),
    Fault(
        "a wait never gives up",
        "ops/waiting.py",
        "if done or left <= 0:",
        "if done:",
        "tests/ops/test_waiting.py",
    ),
)


class Copy:
    """A copy of the project in which faults can be made."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="faults-"))
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for name in listed:
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)

    def verdict(self, fault: Fault) -> str:
        """`caught`, or why not."""
        path = self.root / fault.file
        text = path.read_text()
        if text.count(fault.old) != 1:
            return f"the text to change is there {text.count(fault.old)} times, not once"
        path.write_text(text.replace(fault.old, fault.new))
        try:
            run = subprocess.run(
                [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", *fault.tests.split()],
                cwd=self.root,
                capture_output=True,
                text=True,
                timeout=300,
            )
        finally:
            path.write_text(text)
        # 1: a test failed. Anything else (no test, a broken import) proves nothing.
        if run.returncode == 1:
            return "caught"
        return f"not caught (pytest ended with {run.returncode})"

    def remove(self) -> None:
        """Deletes the copy."""
        shutil.rmtree(self.root, ignore_errors=True)


def main() -> int:
    """Prints the table; 1 when a fault passes."""
    copy, missed = Copy(), 0
    table = Table("fault", "in", "noticed by", "verdict")
    try:
        for fault in FAULTS:
            verdict = copy.verdict(fault)
            missed += verdict != "caught"
            table.add_row(fault.what, fault.file, fault.tests, verdict)
    finally:
        copy.remove()
    Console(width=140).print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
