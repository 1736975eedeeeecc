"""A small Lambda function of this project: its code, its role, its log, and what it failed at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.dead_letters import dead_letter_policy, dead_letter_queue

FOLDER = "functions"
"""Where the code is, seen from the project's own folder."""
RUNTIME = "python3.13"
"""Patched by AWS until 2029: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""
HANDLER = "main.handler"
"""`handler(event, context)` in `main.py`, with the standard library and the runtime's boto3."""
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LONGEST_SECONDS = 900
_MEMORY = (128, 10240)
_ROOT = Path(__file__).parents[1]


class Invoker(TypedDict):
    """An AWS service that calls the function by itself."""

    service: str
    """Its principal, such as `secretsmanager.amazonaws.com`."""
    source_arn: pulumi.Input[str]
    """The one resource on whose behalf it calls."""


class LambdaFunctionArgs(TypedDict):
    """What runs, what it may do, and what starts it."""

    code: str
    """Folder of `functions/` that holds `main.py`; every file in it is part of the function."""
    description: str
    """What it is for, for the person who finds it in the console."""
    account_id: pulumi.Input[str]
    """Account of whoever calls it."""
    statements: Sequence[Mapping[str, Any]]
    """IAM statements of what it may do besides writing its log, each with a `Sid`. May be empty."""
    environment: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Variables, never secrets: those it reads from Secrets Manager. Defaults to none."""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key of the variables; its policy admits the account through `lambda`. Defaults to Lambda's
    own key, which costs nothing:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html"""
    timeout_seconds: NotRequired[int]
    """Longest run, up to 900. Defaults to 60."""
    memory_mib: NotRequired[int]
    """Memory, 128 to 10240; processor time grows with it. Defaults to 256, with which boto3 loads
    in about a second."""
    reserved_concurrency: NotRequired[int]
    """How many run at once; -1 takes from the account's pool. Defaults to 1: what operates a stack
    does one thing after another, and events wait up to six hours for their turn. AWS refuses it in
    an account whose quota leaves the pool less than 100, as that of a new account does:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    event_patterns: NotRequired[Mapping[str, Mapping[str, Any]]]
    """EventBridge patterns by a short name; each event that matches one starts a run. Defaults to
    none: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""
    schedule: NotRequired[str]
    """`cron(...)` or `rate(...)`, in UTC. Defaults to none."""
    invokers: NotRequired[Mapping[str, Invoker]]
    """Services that call it, by a short name. Defaults to none."""
    log_retention_days: NotRequired[int]
    """Days that its log is kept. Defaults to 365 (Security Hub CloudWatch.16)."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key of the log; its policy must admit CloudWatch Logs. Defaults to CloudWatch's own."""
    region: NotRequired[str]
    """Region of the function and of all that starts it. Defaults to the provider's."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class LambdaFunction(pulumi.ComponentResource):
    """A function on Graviton, with a role of its own and a queue of the events that it failed at.

    Lambda tries an event three times, then puts it into the queue, where `alarm_rules.function`
    finds it; a rule that cannot even call the function puts it there too.
    """

    arn: pulumi.Output[str]
    """ARN of the function, known once it may do what it has to and whoever calls it may call."""
    function_name: pulumi.Output[str]
    """Name of the function."""
    role_arn: pulumi.Output[str]
    """Role that it runs as."""
    dead_letter_queue_name: pulumi.Output[str]
    """Queue of the events that failed; anything in it is worth an alarm."""
    log_group_name: pulumi.Output[str]
    """Log group of the function."""

    def __init__(
        self, name: str, args: LambdaFunctionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses code that is not there, limits that Lambda refuses and statements unnamed."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:LambdaFunction", name, {}, opts)
        child, region = pulumi.ResourceOptions(parent=self), args.get("region")
        tags = {"Name": name, **args.get("tags", {})}

        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            region=region,
            retention_in_days=args.get("log_retention_days", 365),
            kms_key_id=args.get("log_kms_key_arn"),
            tags=tags,
            opts=child,
        )
        queue = dead_letter_queue(name, tags, child, region=region)
        role = aws.iam.Role(
            f"{name}-role",
            description=f"What the function {name} may do",
            assume_role_policy=pulumi.Output.json_dumps(_TRUST),
            tags=tags,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-role-policy",
            role=role.name,
            policy=_policy(args, log_group.arn, queue.arn),
            opts=child,
        )
        function = aws.lambda_.Function(
            f"{name}-function",
            region=region,
            description=args["description"],
            runtime=RUNTIME,
            architectures=["arm64"],
            handler=HANDLER,
            code=_archive(args["code"]),
            role=role.arn,
            timeout=args.get("timeout_seconds", 60),
            memory_size=args.get("memory_mib", 256),
            reserved_concurrent_executions=args.get("reserved_concurrency", 1),
            environment=_environment(args),
            kms_key_arn=args.get("kms_key_arn"),
            dead_letter_config={"target_arn": queue.arn},
            logging_config={
                "log_format": "JSON",
                "log_group": log_group.name,
                "application_log_level": "INFO",
                "system_log_level": "INFO",
            },
            tracing_config={"mode": "Active"},
            tags=tags,
            # Lambda tries whether the role may write to the queue before it takes the function.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[policy])),
        )
        permissions = self._invokers(name, args, function)
        rules = self._rules(name, args, function, queue)
        dead_letter_policy(
            name, queue, child, rule_arns=[rule.arn for rule in rules], region=region
        )

        self.arn = pulumi.Output.all(function.arn, *(p.id for p in permissions)).apply(
            lambda known: known[0]
        )
        self.function_name = function.name
        self.role_arn = role.arn
        self.dead_letter_queue_name = queue.name
        self.log_group_name = log_group.name
        self.register_outputs(
            {
                "arn": self.arn,
                "function_name": self.function_name,
                "role_arn": self.role_arn,
                "dead_letter_queue_name": self.dead_letter_queue_name,
                "log_group_name": self.log_group_name,
            }
        )

    def _invokers(
        self, name: str, args: LambdaFunctionArgs, function: aws.lambda_.Function
    ) -> list[aws.lambda_.Permission]:
        return [
            aws.lambda_.Permission(
                f"{name}-{short}",
                region=args.get("region"),
                action="lambda:InvokeFunction",
                function=function.name,
                principal=invoker["service"],
                source_arn=invoker["source_arn"],
                source_account=args["account_id"],
                opts=pulumi.ResourceOptions(parent=self),
            )
            for short, invoker in sorted(args.get("invokers", {}).items())
        ]

    def _rules(
        self,
        name: str,
        args: LambdaFunctionArgs,
        function: aws.lambda_.Function,
        queue: aws.sqs.Queue,
    ) -> list[aws.cloudwatch.EventRule]:
        starts: dict[str, dict[str, Any]] = {
            short: {"event_pattern": pulumi.Output.json_dumps(pattern)}
            for short, pattern in sorted(args.get("event_patterns", {}).items())
        }
        if "schedule" in args:
            starts["schedule"] = {"schedule_expression": args["schedule"]}
        return [
            self._rule(f"{name}-{short}", args, function, queue, start)
            for short, start in starts.items()
        ]

    def _rule(
        self,
        name: str,
        args: LambdaFunctionArgs,
        function: aws.lambda_.Function,
        queue: aws.sqs.Queue,
        start: Mapping[str, Any],
    ) -> aws.cloudwatch.EventRule:
        child, region = pulumi.ResourceOptions(parent=self), args.get("region")
        rule = aws.cloudwatch.EventRule(
            name,
            region=region,
            description=args["description"],
            tags={"Name": name, **args.get("tags", {})},
            opts=child,
            **start,
        )
        # The rule's ARN names the account as well; EventBridge is documented to send no other.
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            region=region,
            action="lambda:InvokeFunction",
            function=function.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            region=region,
            rule=rule.name,
            arn=function.arn,
            dead_letter_config={"arn": queue.arn},
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[permission])
            ),
        )
        return rule


# Lambda sends neither aws:SourceArn nor aws:SourceAccount when it assumes a function's role.
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Lambda",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def _policy(
    args: LambdaFunctionArgs, log_group_arn: pulumi.Output[str], queue_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    own = [
        {
            "Sid": "WriteItsLog",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.concat(log_group_arn, ":*"),
        },
        {
            "Sid": "KeepWhatItFailedAt",
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
        },
        {
            "Sid": "SendTraces",
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        },
    ]
    return pulumi.Output.json_dumps(
        {"Version": "2012-10-17", "Statement": [*own, *args["statements"]]}
    )


def _environment(
    args: LambdaFunctionArgs,
) -> aws.lambda_.FunctionEnvironmentArgsDict | None:
    variables = args.get("environment", {})
    return {"variables": dict(variables)} if variables else None


def files(code: str) -> list[str]:
    """A function's files, seen from its folder and in order, without what Python compiles."""
    folder = _ROOT / FOLDER / code
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def _archive(code: str) -> pulumi.AssetArchive:
    # File by file: a folder as a whole would change with what Python leaves in it.
    return pulumi.AssetArchive(
        {file: pulumi.FileAsset(f"./{FOLDER}/{code}/{file}") for file in files(code)}
    )


def _refuse_mistakes(name: str, args: LambdaFunctionArgs) -> None:
    problems = []
    if "main.py" not in files(args["code"]):
        problems.append(f"code is {args['code']!r}; there is no {FOLDER}/{args['code']}/main.py")
    if not 1 <= (timeout := args.get("timeout_seconds", 60)) <= _LONGEST_SECONDS:
        problems.append(f"timeout_seconds is {timeout}; Lambda takes 1 to {_LONGEST_SECONDS}")
    low, high = _MEMORY
    if not low <= (memory := args.get("memory_mib", 256)) <= high:
        problems.append(f"memory_mib is {memory}; Lambda takes {low} to {high}")
    reserved = args.get("reserved_concurrency", 1)
    if reserved == 0 or reserved < -1:
        problems.append(
            f"reserved_concurrency is {reserved}; 0 would stop the function, -1 reserves nothing"
        )
    if (days := args.get("log_retention_days", 365)) < 1:
        problems.append(f"log_retention_days is {days}; CloudWatch would keep the log for ever")
    schedule = args.get("schedule")
    if schedule is not None and not schedule.startswith(("cron(", "rate(")):
        problems.append(f"schedule is {schedule!r}; it must be cron(...) or rate(...)")
    if any("Sid" not in statement for statement in args["statements"]):
        problems.append("a statement has no Sid; name what it is for")
    problems += [
        f"environment has {variable}; names that begin with AWS_ are Lambda's"
        for variable in args.get("environment", {})
        if variable.startswith("AWS_")
    ]
    taken = {*args.get("event_patterns", {})} & {"schedule", "role", "logs", "failed", "function"}
    problems += [
        f"the event pattern {short!r} is called as another child is; choose another name"
        for short in sorted(taken)
    ]
    if problems:
        raise ValueError(f"LambdaFunction {name!r}: " + "; ".join(problems))
