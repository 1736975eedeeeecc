"""Creates what a program registered, through boto3, on an endpoint that answers the AWS API.

No engine: it creates each resource once, in the order in which the program's values resolve, and
keeps no state. It refuses instead of guessing: an input that no API parameter takes, a type without
a handler and an operation that the emulator unexpectedly lacks are all errors that name the
resource, the operation and what was sent.
"""

import dataclasses
import functools
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from boto3.session import Session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError
from google.protobuf import json_format
from pulumi.runtime import rpc

from rehearsal.handlers import GAPS, HANDLERS, LOOKUPS
from rehearsal.handlers.calling import run
from rehearsal.handlers.conversion import UnmappedInputError
from rehearsal.handlers.model import (
    Context,
    Handler,
    MissingAnswerError,
    ProviderRefusalError,
)
from rehearsal.recording import Graph, Registration

MASK = "[secret]"
_NOT_ANSWERED = {"404", "405", "500", "501"}
"""Error codes that are HTTP statuses: moto answers so, with a page and no AWS error, to what it
does not know.
"""


class CreationError(Exception):
    """A resource that could not be created: which one, by which operation, with which
    parameters.
    """

    def __init__(
        self,
        registration: Registration,
        operation: str,
        parameters: Mapping[str, Any],
        message: str,
    ) -> None:
        secrets = secret_values(registration)
        self.registration = registration
        self.operation = operation
        self.parameters = masked(dict(parameters), secrets)
        self.message = masked(message, secrets)
        sent = json.dumps(self.parameters, indent=1, sort_keys=True, default=str)
        super().__init__(
            f"{registration.type} {registration.name!r}: {operation or 'no operation'}: "
            f"{self.message}\n  resource: {registration.urn}\n  parameters: {sent}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Created:
    """A resource that the API created."""

    urn: str
    type: str
    name: str
    id: str
    operations: tuple[str, ...]
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Validated:
    """An operation that botocore accepted for AWS but that the emulator does not have."""

    urn: str
    type: str
    name: str
    operation: str
    reason: str
    parameters: Mapping[str, Any]
    """What would have been sent, secrets masked."""
    created: bool = False
    """Whether the resource itself exists, and only this part of it was validated."""


class _Accepted(Exception):
    """Raised just before sending: botocore has validated and serialised the request."""


class Deployer:
    """Answers a program's registrations and lookups out of one AWS endpoint.

    `create` and `lookup` fit `run_program(answer=, lookup=)`, which calls them one at a time.
    """

    def __init__(
        self,
        endpoint_url: str,
        region: str,
        account_id: str,
        on_progress: Callable[[Registration, str], None] | None = None,
    ) -> None:
        self.endpoint_url = endpoint_url
        self.region = region
        self.account_id = account_id
        self.created: list[Created] = []
        self.validated: list[Validated] = []
        self.registrations: dict[str, Registration] = {}
        """Every resource answered so far, by URN."""
        self._on_progress = on_progress or (lambda _registration, _state: None)
        self._clients: dict[tuple[str, str, bool], Any] = {}

    def missing(self, graph: Graph) -> list[str]:
        """Type tokens of a graph that no handler knows, sorted."""
        return sorted(
            {
                r.type
                for r in graph
                if (r.custom or r.remote)
                and not r.type.startswith("pulumi:")
                and r.type not in HANDLERS
            }
        )

    def create(self, registration: Registration) -> tuple[str, Mapping[str, Any]]:
        """Creates one resource; returns its id and its outputs as the provider would.

        Raises:
            CreationError: The resource cannot be created as the program describes it.
        """
        handler = HANDLERS.get(registration.type)
        if handler is None:
            raise CreationError(registration, "", {}, "no handler knows this resource type")
        self._on_progress(registration, "creating")
        started = time.monotonic()
        context = self._context(registration, handler)
        try:
            id_, outputs = run(context)
        except (UnmappedInputError, ProviderRefusalError, MissingAnswerError) as problem:
            raise CreationError(
                registration, handler.operation, context.sent, str(problem)
            ) from problem
        except CreationError:
            raise
        except Exception as problem:
            raise CreationError(
                registration, handler.operation, context.sent, f"the handler failed: {problem!r}"
            ) from problem
        done = tuple(op for op in context.responses if op not in context.gaps)
        if done:
            self.created.append(
                Created(
                    urn=registration.urn,
                    type=registration.type,
                    name=registration.name,
                    id=id_,
                    operations=done,
                    seconds=time.monotonic() - started,
                )
            )
        self._on_progress(registration, "created" if done else "validated")
        self.registrations[registration.urn] = registration
        return id_, outputs

    def lookup(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answers a provider function from the API.

        Raises:
            LookupError: No answer is known for this function.
        """
        answer = LOOKUPS.get(token)
        if answer is None:
            raise LookupError(f"no answer for {token}({json.dumps(dict(args))})")
        return answer(self, args)

    def client(self, service: str, region: str = "", *, dry: bool = False) -> Any:
        """A boto3 client of the endpoint; a dry one validates and serialises, and never sends."""
        key = (service, region or self.region, dry)
        if key not in self._clients:
            client = _session().client(
                service,
                region_name=key[1],
                endpoint_url=self.endpoint_url,
                config=Config(
                    retries={"total_max_attempts": 1},
                    # Virtual-hosted buckets need name resolution that a loopback endpoint has not.
                    s3={"addressing_style": "path"},
                    inject_host_prefix=False,
                ),
            )
            if dry:
                client.meta.events.register("before-send", _stop)
            self._clients[key] = client
        return self._clients[key]

    def operation_shape(self, service: str, operation: str) -> Any:
        """The botocore input shape of an operation."""
        client = self.client(service)
        return client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        ).input_shape

    def call(
        self,
        context: Context,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        region: str = "",
    ) -> dict[str, Any]:
        """Calls one operation for a registration; what the emulator lacks is validated and answered
        with nothing.

        Raises:
            CreationError: The API refuses, or does not answer.
        """
        registration = context.registration
        known = GAPS.get((service, operation))
        gap = known.reason if known and (known.when is None or known.when(params)) else None
        # What follows the creation of something that does not exist cannot be sent either.
        gap = gap or context.gaps.get(context.handler.operation)
        client = self.client(service, region or context.region, dry=gap is not None)
        name = f"{service}:{client.meta.method_to_api_mapping[operation]}"
        try:
            return getattr(client, operation)(**params)
        except _Accepted:
            context.gaps[operation] = gap or ""
            self.validate(context, name, gap or "", params)
            return {}
        except ParamValidationError as problem:
            raise CreationError(registration, name, params, str(problem)) from problem
        except ClientError as problem:
            code = str(problem.response.get("Error", {}).get("Code", ""))
            if code in _NOT_ANSWERED:
                message = _unanswered(problem.response["ResponseMetadata"]["HTTPStatusCode"])
            else:
                message = f"{code}: {problem.response['Error'].get('Message', '')}"
            raise CreationError(registration, name, params, message) from problem
        except ResponseParserError as problem:
            raise CreationError(registration, name, params, _unanswered(500)) from problem
        except BotoCoreError as problem:
            raise CreationError(registration, name, params, str(problem)) from problem

    def validate(
        self, context: Context, operation: str, reason: str, params: Mapping[str, Any]
    ) -> None:
        """Notes an operation that was checked and not carried out."""
        registration = context.registration
        self.validated.append(
            Validated(
                urn=registration.urn,
                type=registration.type,
                name=registration.name,
                operation=operation,
                reason=reason,
                parameters=masked(dict(params), secret_values(registration)),
                created=any(op not in context.gaps for op in context.responses),
            )
        )

    def _context(self, registration: Registration, handler: Handler) -> Context:
        provider = {key: _decoded(value) for key, value in registration.provider_inputs.items()}
        region = registration.inputs.get("region") or provider.get("region") or self.region
        default_tags = (provider.get("defaultTags") or {}).get("tags") or {}
        return Context(self, handler, registration, region, default_tags)


@functools.cache
def _session() -> Session:
    # One for the process: it keeps the service models, which take longest to load. The keys are
    # obviously nobody's, and given, so that no credential of the machine is ever looked for.
    return Session(
        aws_access_key_id="emulator-has-no-keys",
        aws_secret_access_key="emulator-has-no-secrets",  # noqa: S106
    )


def _stop(request: AWSRequest, **_: Any) -> None:
    raise _Accepted(request.url)


def _unanswered(status: int) -> str:
    return (
        f"the emulator gives no answer (HTTP {status}): it lacks this operation, or failed in it. "
        "What it is known to lack is listed, with reasons, in rehearsal/handlers/gaps.py"
    )


def _decoded(value: Any) -> Any:
    # A provider's structured inputs travel as JSON text.
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def secret_values(registration: Registration) -> set[str]:
    """Every text that the program marked as a secret in a registration's inputs."""
    found: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)
        elif isinstance(value, str) and value:
            found.add(value)

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
                collect(value["value"])
            else:
                for item in value.values():
                    walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(json_format.MessageToDict(registration.properties))
    return found


def masked(value: Any, secrets: set[str]) -> Any:
    """`value` with every secret text replaced, also where it is part of a longer one."""
    if isinstance(value, Mapping):
        return {key: masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, secrets) for item in value]
    if isinstance(value, bytes):
        return masked(value.decode(errors="replace"), secrets)
    if isinstance(value, str):
        if value in secrets:
            return MASK
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) > 3:
                value = re.sub(re.escape(secret), MASK, value)
    return value
