"""Releases that fail on the emulator, as ECS would report them.

A failing release is a new revision of the task definition that the emulator's ECS is told not to
get going: tasks that end, a target that answers 503, a hook that refuses. Texts and fields are
those of the API; what reads them cannot tell. The log lines are really written.

Stopped tasks: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3

from rehearsal.emulator import FAKE_CREDENTIALS, Emulator

APPLICATION = "app"
_EXITED = "Essential container in task exited"


class FailingRelease:
    """A new revision of one service that does not come up.

    Args:
        endpoint: Address of the emulator.
        outputs: Exports of the stack that is deployed there.
        service: The service, as the stack calls it. Defaults to `api`.
    """

    def __init__(self, endpoint: str, outputs: Mapping[str, Any], service: str = "api") -> None:
        session = boto3.Session(
            aws_access_key_id=FAKE_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=FAKE_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=outputs["region"],
        )
        client: Any = session.client
        self.ecs = client("ecs", endpoint_url=endpoint)
        self.logs = client("logs", endpoint_url=endpoint)
        self.endpoint = endpoint
        self.region = outputs["region"]
        self.cluster = outputs["clusterName"]
        self.physical = outputs["serviceNames"][service]

    def container_exits(self) -> None:
        """The application ends with an error right after its start."""
        definition = self._release()
        tasks = [
            self._task(
                definition, code="EssentialContainerExited", reason=_EXITED, exit_code=1, age=age
            )
            for age in (20, 65)
        ]
        lines = (
            '{"level":"info","message":"starting","version":"1.8.0"}',
            "Traceback (most recent call last):",
            '  File "/app/main.py", line 31, in create_app',
            '    database = connect(os.environ["DATABASE_HOST"])',
            "KeyError: 'DATABASE_HOST'",
        )
        for task in tasks:
            self._write(definition, task, lines)
        self._fail(
            {"status": "IN_PROGRESS", "lifecycleStage": "SCALE_UP"},
            tasks,
            [f"(service {self.physical}) has started 1 tasks: (task {_id(tasks[0])})."],
        )

    def image_missing(self) -> None:
        """The release names an image that nobody pushed."""
        definition = self._release(digest="sha256:" + "deadbeef" * 8)
        (container,) = [
            each for each in definition["containerDefinitions"] if each["name"] == APPLICATION
        ]
        image = container["image"]
        reason = (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            f"resolve ref {image}: {image}: not found"
        )
        tasks = [
            self._task(definition, code="TaskFailedToStart", reason=reason, age=age)
            for age in (12, 70, 130)
        ]
        self._fail(
            {
                "status": "ROLLBACK_SUCCESSFUL",
                "statusReason": "Service deployment rolled back because the circuit breaker "
                "threshold was exceeded.",
            },
            tasks,
            [
                f"(service {self.physical}) (deployment ecs-svc/1) deployment failed: tasks failed "
                "to start.",
                f"(service {self.physical}) rolling back to deployment ecs-svc/0.",
            ],
        )

    def health_check_red(self) -> None:
        """The application runs, and answers 503 where the load balancer asks."""
        definition = self._release()
        (balancer,) = self._service()["loadBalancers"]
        group, port = balancer["targetGroupArn"], balancer["containerPort"]
        task = self._task(
            definition,
            code="ServiceSchedulerInitiated",
            reason=f"Task failed ELB health checks in (target-group {group})",
            exit_code=0,
            age=15,
        )
        self._write(
            definition,
            task,
            (
                '{"level":"info","message":"listening","port":8080}',
                '{"level":"error","message":"not healthy","path":"/health","status":503,'
                '"reason":"no connection to the database"}',
            ),
        )
        why = "Health checks failed with these codes: [503]"
        self._fail(
            {"status": "IN_PROGRESS", "lifecycleStage": "SCALE_UP"},
            [task],
            [
                f"(service {self.physical}) (port {port}) is unhealthy in (target-group {group}) "
                f"due to (reason {why})."
            ],
            [
                {
                    "targetGroupArn": group,
                    "Id": "10.0.129.14",
                    "Port": str(port),
                    "State": "unhealthy",
                    "Reason": "Target.ResponseCodeMismatch",
                    "Description": why,
                }
            ],
        )

    def migration_fails(self) -> None:
        """The command that migrates the database ends with an error, before any new task."""
        definition = self._release()
        task = self._task(
            definition,
            code="EssentialContainerExited",
            reason=_EXITED,
            exit_code=1,
            age=40,
            started_by="migration",
        )
        self._write(
            definition,
            task,
            (
                "INFO  [alembic.runtime.migration] Running upgrade 41ae -> 7c02, add playlists",
                'psycopg.errors.DuplicateTable: relation "playlists" already exists',
            ),
        )
        function = f"arn:aws:lambda:{self.region}:{self._account()}:function:api-migration"
        self._fail(
            {
                "status": "ROLLBACK_SUCCESSFUL",
                "statusReason": "Service deployment rolled back because of hook failure(s).",
                "lifecycleStage": "PRE_SCALE_UP",
                "lifecycleHookDetails": [
                    {"targetType": "AWS_LAMBDA", "status": "FAILED", "targetArn": function}
                ],
            },
            [task],
            [f"(service {self.physical}) rolling back to deployment ecs-svc/0."],
        )

    def _service(self) -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=self.cluster, services=[self.physical])[
            "services"
        ]
        return found

    def _account(self) -> str:
        return self._service()["serviceArn"].split(":")[4]

    def _release(self, digest: str = "") -> dict[str, Any]:
        """Gives the service a copy of its definition, with another image if asked."""
        running = self.ecs.describe_task_definition(
            taskDefinition=self._service()["taskDefinition"]
        )
        before = running["taskDefinition"]
        kept = (
            *("family", "taskRoleArn", "executionRoleArn", "networkMode", "volumes", "cpu"),
            *("memory", "requiresCompatibilities", "runtimePlatform", "containerDefinitions"),
        )
        copy = {key: before[key] for key in kept if key in before}
        if digest:
            copy["containerDefinitions"] = [
                {**each, "image": each["image"].partition("@")[0] + "@" + digest}
                if each["name"] == APPLICATION
                else each
                for each in copy["containerDefinitions"]
            ]
        made = self.ecs.register_task_definition(**copy)["taskDefinition"]
        self.ecs.update_service(
            cluster=self.cluster, service=self.physical, taskDefinition=made["taskDefinitionArn"]
        )
        return made

    def _task(
        self,
        definition: Mapping[str, Any],
        *,
        code: str,
        reason: str,
        age: int,
        exit_code: int | None = None,
        started_by: str = "",
    ) -> dict[str, Any]:
        id_ = uuid.uuid5(uuid.NAMESPACE_URL, f"{definition['taskDefinitionArn']}{age}").hex
        prefix = definition["taskDefinitionArn"].partition(":task-definition/")[0]
        container: dict[str, Any] = {"name": APPLICATION, "lastStatus": "STOPPED"}
        if exit_code is None:
            container["reason"] = reason
        else:
            container["exitCode"] = exit_code
        family = definition["taskDefinitionArn"].rpartition("/")[2].partition(":")[0]
        return {
            "taskArn": f"{prefix}:task/{self.cluster}/{id_}",
            "clusterArn": f"{prefix}:cluster/{self.cluster}",
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "group": f"family:{family}" if started_by else f"service:{self.physical}",
            "startedBy": started_by or "ecs-svc/1",
            "desiredStatus": "STOPPED",
            "lastStatus": "STOPPED",
            "stopCode": code,
            "stoppedReason": reason,
            "stoppedAt": time.time() - age,
            "containers": [container],
        }

    def _write(
        self, definition: Mapping[str, Any], task: Mapping[str, Any], lines: Sequence[str]
    ) -> None:
        options = definition["containerDefinitions"][0]["logConfiguration"]["options"]
        where = {
            "logGroupName": options["awslogs-group"],
            "logStreamName": f"{options['awslogs-stream-prefix']}/{APPLICATION}/{_id(task)}",
        }
        self.logs.create_log_stream(**where)
        now = int(time.time() * 1000)
        self.logs.put_log_events(
            **where,
            logEvents=[
                {"timestamp": now - 60_000 + number, "message": line}
                for number, line in enumerate(lines)
            ],
        )

    def _fail(
        self,
        deployment: Mapping[str, Any],
        tasks: Sequence[Mapping[str, Any]],
        events: Sequence[str],
        targets: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        Emulator.fail_release(
            self.endpoint,
            {
                "region": self.region,
                "cluster": self.cluster,
                "service": self.physical,
                "deployment": deployment,
                "tasks": tasks,
                "events": [{"message": message} for message in events],
                "targets": targets,
            },
        )


FAILURES: Mapping[str, Callable[[FailingRelease], None]] = {
    "container-exits": FailingRelease.container_exits,
    "image-missing": FailingRelease.image_missing,
    "health-check-red": FailingRelease.health_check_red,
    "migration-fails": FailingRelease.migration_fails,
}
"""What may go wrong, by the name that the command line knows it by."""


def _id(task: Mapping[str, Any]) -> str:
    return task["taskArn"].rpartition("/")[2]
