"""A task that runs by the clock and ends by itself."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.dead_letters import dead_letter_policy, dead_letter_queue
from components.fargate_choices import PLATFORM_VERSION, Capacity, provider_weights
from components.fargate_task import FargateTask, FargateTaskArgs, with_tags
from components.fargate_task import problems as task_problems
from components.task_firewall import Peer, TaskFirewall


class ScheduledJobArgs(TypedDict):
    """What runs, where and when."""

    task: FargateTaskArgs
    """What runs; `command` is what makes an image of a service a job."""
    schedule: str
    """`cron(...)`, `rate(...)` or `at(...)`.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""
    cluster_arn: pulumi.Input[str]
    """Cluster to run in."""
    cluster_name: pulumi.Input[str]
    """Name of that cluster, which is in the ARN of every task that the schedule tags."""
    vpc_id: pulumi.Input[str]
    """VPC of the subnets."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets to run in."""
    timezone: NotRequired[str]
    """Time zone of the schedule, such as `Europe/Berlin`. Defaults to UTC."""
    enabled: NotRequired[bool]
    """Whether the schedule runs. Defaults to True."""
    flexible_window_minutes: NotRequired[int]
    """How late the job may start, up to 1440. Defaults to 0: when the schedule says so."""
    connections: NotRequired[Sequence[Peer]]
    """Peers that the task connects to, such as the database. Defaults to none."""
    capacity: NotRequired[Capacity]
    """Where the task runs, on demand or on Spot. Defaults to on demand: a job that Spot interrupts
    has to be written so that it may be."""
    retry_attempts: NotRequired[int]
    """How often to try again to start the task, up to 185. Defaults to 3. A task that has started
    and fails is not repeated: whether it may be is for the application to know."""
    retry_seconds: NotRequired[int]
    """How long to go on trying to start it, 60 to 86400. Defaults to 3600: a nightly job that
    starts in the morning does harm."""
    ipv6: NotRequired[bool]
    """Whether the task may also call out over IPv6. Defaults to False."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class ScheduledJob(pulumi.ComponentResource):
    """EventBridge Scheduler runs one revision of a task definition; a failed start is kept.

    The dead-letter queue holds starts that failed, not tasks that did: those are in the log.
    """

    schedule_name: pulumi.Output[str]
    """Name of the schedule."""
    schedule_arn: pulumi.Output[str]
    """ARN of the schedule."""
    dead_letter_queue_name: pulumi.Output[str]
    """Queue of the starts that failed; anything in it is worth an alarm."""
    dead_letter_queue_arn: pulumi.Output[str]
    """ARN of that queue."""
    security_group_id: pulumi.Output[str]
    """Security group of the task."""
    task_definition_arn: pulumi.Output[str]
    """Revision of the task definition that the schedule runs."""
    family: pulumi.Output[str]
    """Name that all revisions share."""
    task_role_arn: pulumi.Output[str]
    """Role of the application."""
    log_group_name: pulumi.Output[str]
    """Log group of the task."""

    def __init__(
        self, name: str, args: ScheduledJobArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Creates the schedule and the role that may run this task, and no other."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:ScheduledJob", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        extra_tags = args.get("tags", {})
        tags = {"Name": name, **extra_tags}

        task = FargateTask(name, with_tags(args["task"], extra_tags), child)
        firewall = TaskFirewall(
            name,
            {
                "vpc_id": args["vpc_id"],
                "connections": args.get("connections", ()),
                "ipv6": args.get("ipv6", False),
                "tags": extra_tags,
            },
            child,
        )
        queue = dead_letter_queue(name, tags, child)
        dead_letter_policy(name, queue, child)
        # A group of its own: schedules have no tags, groups do, and it is what the trust can name.
        group = aws.scheduler.ScheduleGroup(f"{name}-group", tags=tags, opts=child)
        role = aws.iam.Role(
            f"{name}-scheduler",
            description=f"What the schedule of {name} may do",
            assume_role_policy=_trust(args, group.arn),
            tags=tags,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-scheduler-policy",
            role=role.name,
            policy=_scheduler_policy(args, task, queue.arn),
            opts=child,
        )
        schedule = aws.scheduler.Schedule(
            f"{name}-schedule",
            description=f"Runs {name}",
            group_name=group.name,
            state="ENABLED" if args.get("enabled", True) else "DISABLED",
            schedule_expression=args["schedule"],
            schedule_expression_timezone=args.get("timezone", "UTC"),
            flexible_time_window=_window(args),
            target={
                "arn": args["cluster_arn"],
                "role_arn": role.arn,
                "ecs_parameters": _run_task(args, task.arn, firewall.security_group_id),
                "retry_policy": {
                    "maximum_retry_attempts": args.get("retry_attempts", 3),
                    "maximum_event_age_in_seconds": args.get("retry_seconds", 3600),
                },
                "dead_letter_config": {"arn": queue.arn},
            },
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[policy, firewall])
            ),
        )

        self.schedule_name = schedule.name
        self.schedule_arn = schedule.arn
        self.dead_letter_queue_name = queue.name
        self.dead_letter_queue_arn = queue.arn
        self.security_group_id = firewall.security_group_id
        self.task_definition_arn = task.arn
        self.family = task.family
        self.task_role_arn = task.task_role_arn
        self.log_group_name = task.log_group_name
        self.register_outputs(
            {
                "schedule_name": self.schedule_name,
                "schedule_arn": self.schedule_arn,
                "dead_letter_queue_name": self.dead_letter_queue_name,
                "dead_letter_queue_arn": self.dead_letter_queue_arn,
                "security_group_id": self.security_group_id,
                "task_definition_arn": self.task_definition_arn,
                "family": self.family,
                "task_role_arn": self.task_role_arn,
                "log_group_name": self.log_group_name,
            }
        )


def _trust(args: ScheduledJobArgs, group_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    # The condition names the group, as the schedule cannot exist before its role.
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "SchedulesOfThisGroup",
                    "Effect": "Allow",
                    "Principal": {"Service": "scheduler.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {
                            "aws:SourceAccount": args["task"]["account_id"],
                            "aws:SourceArn": group_arn,
                        }
                    },
                }
            ],
        }
    )


def _scheduler_policy(
    args: ScheduledJobArgs, task: FargateTask, queue_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    tasks_of_cluster = pulumi.Output.format(
        "arn:aws:ecs:{}:{}:task/{}/*",
        args["task"]["region"],
        args["task"]["account_id"],
        args["cluster_name"],
    )
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "RunThisRevision",
                    "Effect": "Allow",
                    "Action": "ecs:RunTask",
                    "Resource": task.arn,
                    "Condition": {"ArnEquals": {"ecs:cluster": args["cluster_arn"]}},
                },
                {
                    "Sid": "TagWhatItRuns",
                    "Effect": "Allow",
                    "Action": "ecs:TagResource",
                    "Resource": tasks_of_cluster,
                    "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
                },
                {
                    "Sid": "PassTheRolesOfTheTask",
                    "Effect": "Allow",
                    "Action": "iam:PassRole",
                    "Resource": [task.execution_role_arn, task.task_role_arn],
                    "Condition": {
                        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
                    },
                },
                {
                    "Sid": "KeepWhatCouldNotStart",
                    "Effect": "Allow",
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                },
            ],
        }
    )


def _window(args: ScheduledJobArgs) -> aws.scheduler.ScheduleFlexibleTimeWindowArgsDict:
    minutes = args.get("flexible_window_minutes", 0)
    if not minutes:
        return {"mode": "OFF"}
    return {"mode": "FLEXIBLE", "maximum_window_in_minutes": minutes}


def _run_task(
    args: ScheduledJobArgs,
    task_definition_arn: pulumi.Output[str],
    security_group_id: pulumi.Output[str],
) -> aws.scheduler.ScheduleTargetEcsParametersArgsDict:
    return {
        "task_definition_arn": task_definition_arn,
        "task_count": 1,
        "platform_version": PLATFORM_VERSION,
        "capacity_provider_strategies": [
            {"capacity_provider": provider, "base": base, "weight": weight}
            for provider, base, weight in provider_weights(_capacity(args), 0)
        ],
        "network_configuration": {
            "subnets": args["subnet_ids"],
            "security_groups": [security_group_id],
            "assign_public_ip": False,
        },
        "enable_ecs_managed_tags": True,
        "enable_execute_command": args["task"].get("enable_execute_command", False),
        "propagate_tags": "TASK_DEFINITION",
    }


def _capacity(args: ScheduledJobArgs) -> Capacity:
    return Capacity(args.get("capacity", Capacity.ON_DEMAND))


def _refuse_mistakes(name: str, args: ScheduledJobArgs) -> None:
    found = task_problems(args["task"])
    if not args["schedule"].startswith(("cron(", "rate(", "at(")):
        found.append(
            f"schedule is {args['schedule']!r}; it must be cron(...), rate(...) or at(...)"
        )
    window = args.get("flexible_window_minutes", 0)
    if not 0 <= window <= 1440:
        found.append(f"flexible_window_minutes is {window}; it must be 0 to 1440")
    attempts = args.get("retry_attempts", 3)
    if not 0 <= attempts <= 185:
        found.append(f"retry_attempts is {attempts}; it must be 0 to 185")
    seconds = args.get("retry_seconds", 3600)
    if not 60 <= seconds <= 86400:
        found.append(f"retry_seconds is {seconds}; it must be 60 to 86400")
    if _capacity(args) is Capacity.MIXED:
        found.append("capacity is 'mixed'; one task is either on_demand or spot")
    if found:
        raise ValueError(f"ScheduledJob {name!r}: " + "; ".join(found))
