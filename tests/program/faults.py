"""Faults that somebody could make, and the test that catches each.

A test that cannot fail proves nothing. Each fault is one change of one file, made in a copy of the
project; the tests that are named must then fail. Nothing is ever changed where others work.
"""

import dataclasses
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.program import stacks

TIMEOUT_SECONDS = 240
_FAILED = re.compile(r"^(\d+) failed", re.MULTILINE)
_BROKEN = re.compile(r"\d+ errors?\b")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """One mistake, and who must notice it."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a fault was caught, and what was seen."""

    caught: bool
    detail: str
    seconds: float = 0.0


_PUBLIC_ALB = "tests/components/test_public_alb.py::"
_TASK = "tests/components/test_fargate_task.py::"
_SERVICE = "tests/components/test_fargate_service.py::"
_DATABASE = "tests/components/test_database.py::"
_NETWORK = "tests/components/test_network.py::"
_DNS = "tests/components/test_dns_zone.py::"
_EVERY = "tests/components/test_every_component.py::"
_SETTINGS = "tests/pure/test_settings.py::"
_WIRING = "tests/program/test_wiring.py::"
_HYGIENE = "tests/program/test_hygiene.py::"

FAULTS = (
    # The way in.
    Fault(
        what="plain HTTP is answered, not redirected",
        file="components/public_alb.py",
        old="default_actions=[_REDIRECT_TO_HTTPS],",
        new="default_actions=[_NOT_FOUND],",
        tests=(_PUBLIC_ALB + "test_plain_http_is_only_ever_redirected",),
    ),
    Fault(
        what="the load balancer is open on SSH's port",
        file="components/public_alb.py",
        old='for port, purpose in ((443, "HTTPS"), (80, "HTTP, redirected to HTTPS,")):',
        new='for port, purpose in ((443, "HTTPS"), (80, "HTTP"), (22, "SSH")):',
        tests=(_PUBLIC_ALB + "test_only_those_who_are_named_may_connect",),
    ),
    Fault(
        what="access logs are off",
        file="components/public_alb.py",
        old='access_logs={"bucket": logs.bucket, "prefix": ACCESS, "enabled": True},',
        new='access_logs={"bucket": logs.bucket, "prefix": ACCESS, "enabled": False},',
        tests=(_PUBLIC_ALB + "test_the_load_balancer_is_hardened",),
    ),
    Fault(
        what="HTTPS with the certificate of another region",
        file="wiring/edge.py",
        old='"certificate_arn": zone.certificate_arn,',
        new='"certificate_arn": zone.us_east_1_certificate_arn,',
        tests=(_WIRING + "test_https_is_served_with_the_issued_certificate_of_the_host_name",),
    ),
    Fault(
        what="the certificate is used before it is issued",
        file="components/dns_certificate.py",
        old="return validation.certificate_arn",
        new="return certificate.arn",
        tests=(_DNS + "test_who_takes_the_certificate_waits_for_its_validation",),
    ),
    Fault(
        what="any authority may issue certificates: no CAA record",
        file="components/dns_certificate.py",
        old='for hostname in (args["caa_names"] if issuers else [])',
        new="for hostname in []",
        tests=(_DNS + "test_only_amazon_may_issue_certificates_for_a_zone_of_our_own",),
    ),
    Fault(
        what="the host name is an alias of something else",
        file="wiring/edge.py",
        old="if distributed else target.dns_name,",
        new="if distributed else target.arn,",
        tests=(_WIRING + "test_the_host_name_leads_to_the_load_balancer",),
    ),
    Fault(
        what="alarms on a health check that does not exist yet",
        file="__main__.py",
        old="    if not path:\n        continue\n",
        new="",
        tests=(_HYGIENE + "test_an_empty_account_can_be_deployed_before_there_is_an_image",),
    ),
    # The network.
    Fault(
        what="tasks run in public subnets",
        file="wiring/platform.py",
        old='"namespace_arn": self.cluster.namespace_arn,\n'
        '            "vpc_id": self.network.vpc_id,\n'
        '            "subnet_ids": self.network.private_subnet_ids,',
        new='"namespace_arn": self.cluster.namespace_arn,\n'
        '            "vpc_id": self.network.vpc_id,\n'
        '            "subnet_ids": self.network.public_subnet_ids,',
        tests=(_WIRING + "test_services_run_in_private_subnets",),
    ),
    Fault(
        what="the database is in private subnets, with a way to the internet",
        file="wiring/data.py",
        old="args: DatabaseArgs = {\n"
        '            "vpc_id": network.vpc_id,\n'
        '            "subnet_ids": network.isolated_subnet_ids,',
        new="args: DatabaseArgs = {\n"
        '            "vpc_id": network.vpc_id,\n'
        '            "subnet_ids": network.private_subnet_ids,',
        tests=(
            _WIRING
            + "test_the_load_balancer_is_in_public_subnets_and_the_database_in_isolated_ones",
        ),
    ),
    Fault(
        what="private subnets are routed to an internet gateway",
        file="components/network.py",
        old="nat_gateway_id=nat.gateway_of[plan.zone],",
        new="gateway_id=nat.gateway_of[plan.zone],",
        tests=(_NETWORK + "test_private_subnets_leave_through_the_gateway_of_the_strategy",),
    ),
    Fault(
        what="no flow logs",
        file="components/network.py",
        old='if args.get("flow_logs", True) else None',
        new='if args.get("flow_logs", False) else None',
        tests=(_NETWORK + "test_flow_logs_record_everything_in_a_group_that_is_not_kept_for_ever",),
    ),
    Fault(
        what="flow logs are kept for ever",
        file="components/flow_logs.py",
        old="retention_in_days=retention_days,",
        new="retention_in_days=0,",
        tests=(_NETWORK + "test_flow_logs_record_everything_in_a_group_that_is_not_kept_for_ever",),
    ),
    Fault(
        what="a connection in the wrong direction",
        file="components/connection.py",
        old='security_group_id=args["server_security_group_id"],\n'
        '            referenced_security_group_id=args["client_security_group_id"],',
        new='security_group_id=args["client_security_group_id"],\n'
        '            referenced_security_group_id=args["server_security_group_id"],',
        tests=(
            "tests/components/test_connection.py::test_each_side_admits_only_the_other_on_one_port",
        ),
    ),
    # What runs.
    Fault(
        what="ECS starts tasks with the application's own role",
        file="components/fargate_task.py",
        old="execution_role_arn=execution_role.arn,\n            task_role_arn",
        new="execution_role_arn=task_role.arn,\n            task_role_arn",
        tests=(_TASK + "test_ecs_starts_the_task_with_one_role_and_the_application_has_the_other",),
    ),
    Fault(
        what="the application may read every secret that ECS injects",
        file="components/fargate_task.py",
        old="role=execution_role.name,",
        new="role=task_role.name,",
        tests=(_TASK + "test_a_task_that_needs_nothing_may_write_its_log_and_nothing_else",),
    ),
    Fault(
        what="a wildcard action on secrets",
        file="components/fargate_task.py",
        old='"Action": "secretsmanager:GetSecretValue",',
        new='"Action": "secretsmanager:*",',
        tests=(_TASK + "test_each_secret_is_readable_once_and_no_other_is",),
    ),
    Fault(
        what="a role that any account's tasks may take",
        file="components/fargate_task.py",
        old='"StringEquals": {"aws:SourceAccount": args["account_id"]},\n',
        new="",
        tests=(_TASK + "test_ecs_assumes_both_roles_for_tasks_of_this_account_only",),
    ),
    Fault(
        what="a log group without its key",
        file="components/fargate_task.py",
        old='kms_key_id=args.get("log_kms_key_arn"),',
        new="kms_key_id=None,",
        tests=(_WIRING + "test_every_log_group_is_encrypted_and_ends",),
    ),
    Fault(
        what="containers may write to their root filesystem",
        file="components/containers.py",
        old='"readonlyRootFilesystem": True,',
        new='"readonlyRootFilesystem": False,',
        tests=("tests/pure/test_containers.py::test_every_container_is_hardened",),
    ),
    Fault(
        what="a failing version is not rolled back",
        file="components/fargate_service.py",
        old='"deployment_circuit_breaker": {"enable": True, "rollback": True},',
        new='"deployment_circuit_breaker": {"enable": True, "rollback": False},',
        tests=(_SERVICE + "test_a_failing_version_is_rolled_back",),
    ),
    Fault(
        what="a deployment undoes what autoscaling decided",
        file="components/fargate_service.py",
        old='ignore_changes=["desiredCount"] if _scales(args) else None,',
        new="ignore_changes=None,",
        tests=(_SERVICE + "test_what_autoscaling_decided_is_not_undone_by_a_deployment",),
    ),
    Fault(
        what="a password in a variable instead of a reference",
        file="wiring/data.py",
        old='"DATABASE_NAME": name,\n        },',
        new='"DATABASE_NAME": name,\n            "DATABASE_URL": secret,\n        },',
        tests=(
            _WIRING + "test_credentials_reach_a_task_by_reference_and_its_execution_role_alone",
        ),
    ),
    Fault(
        what="image tags can be moved",
        file="components/image_repository.py",
        old='image_tag_mutability="IMMUTABLE",',
        new='image_tag_mutability="MUTABLE",',
        tests=(
            "tests/components/test_image_repository.py::test_images_are_immutable_scanned_and_kept",
        ),
    ),
    # What holds data.
    Fault(
        what="Pulumi does not protect the database",
        file="components/database.py",
        old='protect=args.get("protect", True),\n                # A snapshot',
        new="protect=False,\n                # A snapshot",
        tests=(_DATABASE + "test_pulumi_protects_it_and_a_snapshot_is_looked_at_only_once",),
    ),
    Fault(
        what="the database has a public address",
        file="components/database.py",
        old='"publicly_accessible": False,',
        new='"publicly_accessible": True,',
        tests=(_DATABASE + "test_the_instance_is_safe_by_default",),
    ),
    Fault(
        what="the database's group is open to the world",
        file="components/database.py",
        old='description=f"Database {name}: in from those who asked, out to nobody",',
        new='description=f"Database {name}: in from those who asked, out to nobody",\n'
        "            ingress=[{\n"
        '                "protocol": "tcp",\n'
        '                "from_port": 5432,\n'
        '                "to_port": 5432,\n'
        '                "cidr_blocks": ["0.0.0.0/0"],\n'
        "            }],",
        tests=(_DATABASE + "test_its_group_lets_nothing_in_and_nothing_out",),
    ),
    Fault(
        what="production's database has no standby",
        file="configuration/profiles.py",
        old="nat_strategy=NatStrategy.PER_ZONE,\n        multi_az=True,",
        new="nat_strategy=NatStrategy.PER_ZONE,\n        multi_az=False,",
        tests=(_SETTINGS + "test_production_gives_up_nothing",),
    ),
    # What every resource has.
    Fault(
        what="a child without its parent",
        file="components/network.py",
        old='tags=self._tagged("default-sg-unused"),\n            opts=self._child,',
        new='tags=self._tagged("default-sg-unused"),',
        tests=(_EVERY + "test_no_child_strays[Network-least]",),
    ),
    Fault(
        what="a promised output is not registered",
        file="components/fargate_cluster.py",
        old='"insights_log_group_name": self.insights_log_group_name,\n',
        new="",
        tests=(_EVERY + "test_what_it_promises_is_what_it_registers[FargateCluster-least]",),
    ),
    Fault(
        what="the database has another name in the state",
        file="components/database.py",
        old='f"{name}-instance",\n            identifier',
        new='f"{name}-db",\n            identifier',
        tests=("tests/program/test_names.py::test_a_stack_has_the_resources_that_it_had[staging]",),
    ),
    Fault(
        what="a component left to the default provider",
        file="__main__.py",
        old='ImageRepository("api", foundation.repository(images_key), placed)',
        new='ImageRepository("api", foundation.repository(images_key))',
        tests=(_HYGIENE + "test_a_stack_needs_no_default_provider[staging]",),
    ),
    Fault(
        what="resources carry no owner and no cost center",
        file="wiring/foundation.py",
        old="                **settings.tags,\n",
        new="",
        tests=(_HYGIENE + "test_the_provider_tags_whatever_can_be_tagged[staging]",),
    ),
    Fault(
        what="the account is looked up although it is configured",
        file="__main__.py",
        old="settings.account_id or aws.get_caller_identity_output",
        new="aws.get_caller_identity_output",
        tests=(_HYGIENE + "test_nothing_is_looked_up_when_the_account_is_configured",),
    ),
    Fault(
        what="production has what staging never tried",
        file="wiring/platform.py",
        old='"enable_execute_command": self.settings.execute_command,',
        new='"enable_execute_command": self.settings.critical,',
        tests=(
            "tests/program/test_stages.py::"
            "test_what_both_have_differs_where_the_table_says_and_nowhere_else",
        ),
    ),
    # What judges the rest.
    Fault(
        what="production may be weakened by an override",
        file="configuration/stack.py",
        old="    if settings.stage is not Stage.PRODUCTION:\n        return\n    overrides =",
        new="    if settings.stage is not Stage.TEMPORARY:\n        return\n    overrides =",
        tests=(_SETTINGS + "test_production_may_not_be_weakened",),
    ),
    Fault(
        what="a secret in plain text is accepted by its name",
        file="configuration/plaintext.py",
        old="    if secret_name(name) and not _harmless(value):\n        return f'it is called",
        new="    if not secret_name(name) and _harmless(value):\n        return f'it is called",
        tests=(_SETTINGS + "test_a_secret_in_plain_text_is_refused",),
    ),
    Fault(
        what="the policy pack overlooks a redirect to plain HTTP",
        file="policies/guardrails/rules/transport.py",
        old='        return f"it redirects to {protocol}"',
        new='        return ""',
        tests=(
            "tests/policies/test_transport.py::test_a_listener_serves_https_or_redirects_to_it",
        ),
    ),
    Fault(
        what="a check of a deployment that always passes",
        file="ops/verify/services.py",
        old="return finished and newest and running == desired, detail",
        new="return True, detail",
        tests=("tests/ops/test_checks.py::test_anything_else_is_not_steady",),
    ),
    Fault(
        what="the rehearsal passes over types that it cannot create",
        file="rehearsal/deploy.py",
        old="and r.type not in HANDLERS",
        new="and r.type in HANDLERS",
        tests=("tests/rehearsal/test_deploy.py::test_types_without_a_handler_are_all_named",),
    ),
)


class Workshop:
    """A copy of the project, in which one fault at a time is tried."""

    def __init__(self, directory: Path) -> None:
        self.tree = stacks.copy_tree(directory / "tree")

    def try_out(self, fault: Fault) -> Verdict:
        """Seeds the fault, runs its tests, takes it out again."""
        path = self.tree / fault.file
        text = path.read_text(encoding="utf-8")
        if (times := text.count(fault.old)) != 1:
            return Verdict(
                caught=False,
                detail=f"the text to change is in {fault.file} {times} times, not once: bring the"
                " fault up to date",
            )
        started = time.monotonic()
        self._write(path, text.replace(fault.old, fault.new))
        try:
            done = self.run(fault.tests)
        finally:
            self._write(path, text)
        return _judged(done, time.monotonic() - started)

    def without_fault(self) -> Verdict:
        """Runs every named test where nothing is wrong; one that fails there catches nothing."""
        done = self.run(tuple(sorted({test for fault in FAULTS for test in fault.tests})))
        said = f"{done.stdout}\n{done.stderr}".strip()
        return Verdict(caught=done.returncode != 0, detail=said)

    def run(self, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        """Runs tests of the copy in a process of their own."""
        # Plugins cost a second each time, and none of the named tests needs one.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        options = "-oaddopts=--import-mode=importlib -x -q --tb=line -Wignore -pno:cacheprovider"
        return subprocess.run(
            [sys.executable, "-m", "pytest", *options.split(), *tests],
            cwd=self.tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # Compiled code is told from stale by second and size: a fault can have the original's.
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def _judged(done: subprocess.CompletedProcess[str], seconds: float) -> Verdict:
    """A test must have failed: one that could not be collected or set up proves nothing."""
    said = done.stdout.strip().splitlines()[-1:] or done.stderr.strip().splitlines()[-1:] or [""]
    caught = done.returncode == 1 and bool(_FAILED.search(said[0])) and not _BROKEN.search(said[0])
    detail = said[0] if caught or done.returncode == 0 else f"{done.stdout}\n{done.stderr}".strip()
    return Verdict(caught=caught, detail=detail, seconds=seconds)


def all_verdicts(workers: int) -> Iterator[tuple[Fault, Verdict]]:
    """Tries every fault, a few at a time, each in a copy that is its own meanwhile."""
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(workers) as pool:
        free: SimpleQueue[Workshop] = SimpleQueue()
        for number in range(workers):
            free.put(Workshop(Path(directory) / str(number)))

        def try_out(fault: Fault) -> tuple[Fault, Verdict]:
            workshop = free.get()
            try:
                return fault, workshop.try_out(fault)
            finally:
                free.put(workshop)

        yield from pool.map(try_out, FAULTS)


def main() -> int:
    """Prints the table; 1 when a fault was not caught."""
    # Only a table needs them, not the tests.
    from rich.console import Console
    from rich.table import Table

    table = Table("Fault", "File", "Caught by", "Verdict", title="Seeded faults")
    missed: list[tuple[Fault, Verdict]] = []
    total = 0.0
    with tempfile.TemporaryDirectory() as directory:
        healthy = Workshop(Path(directory)).without_fault()
    if healthy.caught:
        print(f"The tests fail without any fault:\n{healthy.detail}", file=sys.stderr)
        return 1
    for fault, verdict in all_verdicts(os.cpu_count() or 1):
        by = "\n".join(test.rpartition("::")[2] for test in fault.tests)
        mark = f"caught, {verdict.seconds:.1f} s" if verdict.caught else "[bold red]MISSED[/]"
        table.add_row(fault.what, fault.file, by, mark)
        total += verdict.seconds
        if not verdict.caught:
            missed.append((fault, verdict))
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    for fault, verdict in missed:
        console.print(f"Missed: {fault.what}\n{verdict.detail}", style="red", markup=False)
    console.print(f"{len(FAULTS) - len(missed)} of {len(FAULTS)} caught; {total:.0f} s of tests.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
