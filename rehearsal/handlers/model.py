"""How a handler says, as data, what the AWS provider would call for one resource type.

A `Handler` names the API operation and only the exceptions to the one rule of `conversion`: the
botocore service model is asked for names, so neither side is written down twice. An input that no
rule takes is an error, never a silence.
"""

import dataclasses
import hashlib
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rehearsal.handlers.conversion import (
    As,
    Ignore,
    Rule,
    Rules,
    UnmappedInputError,
    convert_inputs,
    json_text,
)
from rehearsal.recording import Registration

__all__ = ["As", "Call", "Context", "Handler", "Ignore", "Naming", "Rule", "json_text"]

Template = Any
"""What `Context.render` fills: text with `{...}` fields, a structure of such, or a function."""


class ProviderRefusalError(Exception):
    """What the provider itself refuses before it calls AWS."""


class MissingAnswerError(Exception):
    """The API's answer lacks a field that the handler needs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Naming:
    """How the provider names a resource whose name the program left out.

    https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming
    """

    api: str = ""
    """Parameter that takes the name; empty when the input matches by itself."""
    input: str = "name"
    prefix: str = "namePrefix"
    limit: int = 255
    lower: bool = False
    stem: str = ""
    """What an automatic name begins with, `alias/` for instance."""
    suffix: Callable[[Mapping[str, Any]], str] = lambda _: ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One more API operation after the main one."""

    operation: str
    inputs: Rules = dataclasses.field(default_factory=dict)
    """Inputs that this call takes; an empty text means the parameter of the same name."""
    params: Mapping[str, Template] = dataclasses.field(default_factory=dict)
    service: str = ""
    each: bool = False
    """One call per input, for operations that change one attribute at a time."""
    always: bool = False
    """Called even when none of `inputs` is given, as a read-back is."""
    region: Template = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Handler:
    """What to call for one resource type. Everything is data, or `create` is code."""

    service: str
    operation: str = ""
    inputs: Rules = dataclasses.field(default_factory=dict)
    params: Mapping[str, Template] = dataclasses.field(default_factory=dict)
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Inputs that only steer the provider, each with its reason."""
    tags: str = ""
    """Parameter that takes tags; `TagSpecifications:<type>` for EC2; `-` when `create` does it."""
    tagging: Call | None = None
    """The operation that takes the tags, where the main one does not."""
    within: str = ""
    """Parameter that holds all inputs, as `CachePolicyConfig` does."""
    naming: Naming | None = None
    id: Template = ""
    invents: Mapping[str, Template] = dataclasses.field(default_factory=dict)
    """Fields of an answer that the emulator cannot give, where the form matters."""
    outputs: Mapping[str, Template] = dataclasses.field(default_factory=dict)
    then: Sequence[Call] = ()
    create: "Callable[[Context], tuple[str, Mapping[str, Any]]] | None" = None
    """Code in place of the calls, for what data cannot say."""


class Caller(Protocol):
    """The part of the deployer that a context needs."""

    account_id: str

    def call(
        self,
        context: "Context",
        service: str,
        operation: str,
        params: Mapping[str, Any],
        region: str = "",
    ) -> dict[str, Any]: ...

    def operation_shape(self, service: str, operation: str) -> Any: ...

    def client(self, service: str, region: str = "") -> Any: ...

    def validate(
        self, context: "Context", operation: str, reason: str, params: Mapping[str, Any]
    ) -> None: ...


class Context:
    """One registration on its way to AWS: its inputs, what of them is taken, what AWS answered."""

    def __init__(
        self,
        caller: Caller,
        handler: Handler,
        registration: Registration,
        region: str,
        default_tags: Mapping[str, str],
    ) -> None:
        self.caller = caller
        self.handler = handler
        self.registration = registration
        self.inputs = {k: v for k, v in registration.inputs.items() if v is not None}
        self.region = region
        self.account = caller.account_id
        self.partition = partition_of(region)
        self.tags: dict[str, str] = {**default_tags, **self.inputs.get("tags", {})}
        self.name = ""
        self.id = ""
        self.taken: set[str] = {"region"}
        self.response: dict[str, Any] = {}
        self.responses: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, Any] = {}
        """Parameters of the latest call."""
        self.main_params: dict[str, Any] = {}
        """Parameters of the handler's main operation."""
        self.gaps: dict[str, str] = {}
        """Operations that were only validated, each with its reason."""

    def take(self, key: str, default: Any = None) -> Any:
        """An input's value, which from now on counts as used."""
        self.taken.add(key)
        value = self.inputs.get(key)
        return default if value is None else value

    def digest(self, purpose: str = "") -> str:
        """40 hex digits, the same for the same resource in each run."""
        return hashlib.sha1(  # noqa: S324 (an identifier, not a protection)
            f"{self.registration.urn}{purpose}".encode()
        ).hexdigest()

    def uuid(self, purpose: str = "") -> str:
        """A UUID, the same for the same resource in each run."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.registration.urn + purpose))

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """An ARN of this account; `region=""` for a global service."""
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account}:{resource}"

    def call(
        self, operation: str, params: Mapping[str, Any], *, service: str = "", region: str = ""
    ) -> dict[str, Any]:
        """Calls the API; an operation that the emulator is known to lack answers with nothing."""
        self.sent = dict(params)
        answer = self.caller.call(
            self, service or self.handler.service, operation, self.sent, region
        )
        self.responses[operation] = answer
        return answer

    def params(
        self,
        operation: str,
        inputs: Mapping[str, Any],
        rules: Rules | None = None,
        *,
        service: str = "",
    ) -> dict[str, Any]:
        """The parameters of an operation made from inputs, by name and by rule."""
        shape = self.caller.operation_shape(service or self.handler.service, operation)
        return convert_inputs(inputs, shape, rules or {})

    def tagged(self, *, key: str = "Key", value: str = "Value") -> dict[str, Any]:
        """The `Tags` parameter as pairs, or nothing when there are none."""
        pairs = [{key: name, value: text} for name, text in self.tags.items()]
        return {"Tags": pairs} if pairs else {}

    def rest(self, operation: str, rules: Rules | None = None) -> dict[str, Any]:
        """The parameters of an operation made from every input that nobody has taken yet."""
        left = {k: v for k, v in self.inputs.items() if k not in self.taken and k != "tags"}
        self.taken.update(left)
        return self.params(operation, left, rules or self.handler.inputs)

    def render(self, template: Template) -> Any:
        """Fills a template's fields.

        `{id}`, `{name}`, `{region}`, `{account}`, `{partition}`, `{uuid}`, `{hex}`; `{in.key}` for
        an input; `{a.b.0}` for the main answer, `{operation:a.b}` for another's. A trailing `?`
        makes a field optional (None). A template that is one field keeps the field's type.
        """
        if callable(template):
            return template(self)
        if isinstance(template, Mapping):
            return {key: self.render(item) for key, item in template.items()}
        if isinstance(template, list | tuple):
            return [self.render(item) for item in template]
        if not isinstance(template, str):
            return template
        whole = re.fullmatch(r"\{([^{}]+)\}", template)
        if whole:
            return self._field(whole[1])
        return re.sub(r"\{([^{}]+)\}", lambda match: str(self._field(match[1])), template)

    def _field(self, field: str) -> Any:
        optional = field.endswith("?")
        field = field.removesuffix("?")
        simple = {
            "id": self.id,
            "name": self.name,
            "region": self.region,
            "account": self.account,
            "partition": self.partition,
        }
        if field in simple:
            return simple[field]
        if field == "uuid":
            return self.uuid()
        if field == "hex":
            return self.digest()[:17]
        if field.startswith("in."):
            found = dig(self.inputs, field[3:])
        elif ":" in field:
            operation, _, path = field.partition(":")
            if operation in self.gaps:
                return None if optional else self._invent(path)
            found = dig(self.responses.get(operation, {}), path)
        elif self.handler.operation in self.gaps:
            return None if optional else self._invent(field)
        else:
            found = dig(self.response, field)
        if found is None and not optional:
            raise MissingAnswerError(f"the answer has no {field}")
        return found

    def _invent(self, path: str) -> Any:
        """What AWS might have answered to an operation that was only validated; stable."""
        if path in self.handler.invents:
            return self.render(self.handler.invents[path])
        last = path.rsplit(".", 1)[-1].lower()
        echoed = _search(self.main_params, last)
        if echoed is not None:
            return echoed
        if last.endswith("arn"):
            kind = self.registration.type.split(":")[1].split("/")[1]
            return self.arn(self.handler.service, f"{kind}/{self.name or self.uuid()}")
        return self.uuid()

    def finish(self) -> None:
        """Refuses what nobody took."""
        if "tags" in self.inputs and not self.handler.tags:
            left = set(self.inputs) - self.taken
        else:
            left = set(self.inputs) - self.taken - {"tags"}
        if left:
            raise UnmappedInputError(left)


def partition_of(region: str) -> str:
    """https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html"""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def dig(value: Any, path: str) -> Any:
    """`a.0.b` inside nested mappings and lists; None where it ends early."""
    for step in path.split("."):
        if isinstance(value, list | tuple):
            index = int(step) if step.lstrip("-").isdigit() else None
            value = (
                value[index] if index is not None and -len(value) <= index < len(value) else None
            )
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def _search(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name.lower() == key and isinstance(item, str | int):
                return item
        for item in value.values():
            found = _search(item, key)
            if found is not None:
                return found
    return None
