"""How a handler says, as data, what the AWS provider would call for one resource type.

A `Handler` names the API operation and only the exceptions to one rule: an input goes to the parameter of the same
name, whatever the casing (`cidrBlock` to `CidrBlock`), singular or plural, at any depth. The botocore service model is
asked for the names, so neither side is written down twice. An input that no rule takes is an error, never a silence.
"""

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from rehearsal.recording import Registration

Template = Any
"""Text with `{...}` fields (see `Context.render`), a list or mapping of such, a constant, or `Callable[[Context], Any]`."""


class UnmappedInputError(Exception):
    """Inputs of a registration that the handler neither sends, applies nor explicitly ignores."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(sorted(set(paths)))
        super().__init__(f"no parameter of the AWS API takes: {', '.join(self.paths)}")


class ProviderRefusalError(Exception):
    """What the provider itself refuses before it calls AWS."""


class MissingAnswerError(Exception):
    """The API's answer lacks a field that the handler needs."""


@dataclasses.dataclass(frozen=True)
class As:
    """Sends an input to `path`, its value first turned by `turn` into what the API takes (no further conversion)."""

    path: str
    turn: Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Ignore:
    """An input that has no counterpart in the API on purpose; `reason` says why."""

    reason: str


Rule = str | As | Ignore
Rules = Mapping[str, Rule]
"""Input path (`healthCheck.path`, list elements transparent) to an API path.

An API path is relative to the structure that holds the input, or starts with `/` to mean the operation's parameters.
`Attributes[deletion_protection.enabled]` appends to a list of key-value pairs.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Naming:
    """How the provider names a resource whose name the program left out.

    https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming
    """

    api: str = ""
    """Parameter of the main operation that takes the name; empty when the input matches by itself."""
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
    """Parameter that takes tags; `TagSpecifications:<type>` for EC2; `-` when `create` sends them itself."""
    tagging: Call | None = None
    """The operation that takes the tags, where the main one does not."""
    within: str = ""
    """Parameter that holds all inputs, as `CachePolicyConfig` does."""
    naming: Naming | None = None
    id: Template = ""
    invents: Mapping[str, Template] = dataclasses.field(default_factory=dict)
    """Fields of an answer that the emulator cannot give, where a made-up one must have a certain form."""
    outputs: Mapping[str, Template] = dataclasses.field(default_factory=dict)
    then: Sequence[Call] = ()
    create: "Callable[[Context], tuple[str, Mapping[str, Any]]] | None" = None
    """Code in place of the calls, for what data cannot say."""
    takes: frozenset[str] = frozenset()
    """Inputs that `create` takes by itself; the rest goes by `inputs`, or is refused."""


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


class Context:
    """One registration on its way to AWS: its inputs, what has been taken of them, and what AWS has answered."""

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
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.registration.urn + purpose))

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """An ARN of this account; `region=""` for a global service."""
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account}:{resource}"

    def call(
        self, operation: str, params: Mapping[str, Any], *, service: str = "", region: str = ""
    ) -> dict[str, Any]:
        """Calls the API; an operation known to be missing from the emulator answers with nothing."""
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

    def rest(self, operation: str, rules: Rules | None = None) -> dict[str, Any]:
        """The parameters of an operation made from every input that nobody has taken yet."""
        left = {k: v for k, v in self.inputs.items() if k not in self.taken and k != "tags"}
        self.taken.update(left)
        return self.params(operation, left, rules or self.handler.inputs)

    def render(self, template: Template) -> Any:
        """Fills a template's fields.

        `{id}`, `{name}`, `{region}`, `{account}`, `{partition}`, `{uuid}`, `{hex}`; `{in.key}` for an input; `{a.b.0}`
        for the main answer, `{operation:a.b}` for another's. A trailing `?` makes a field optional (None). A template
        that is one field keeps the field's type.
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
        """What AWS would have answered, for an operation that could only be validated: recognisable and stable."""
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
            value = value[index] if index is not None and -len(value) <= index < len(value) else None
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


def plain_output(value: Any) -> Any:
    """An API answer's value as the wire format takes it."""
    if isinstance(value, Mapping):
        return {key: plain_output(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain_output(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


# --- names -----------------------------------------------------------------------------------------------------------


def automatic_name(context: Context, naming: Naming) -> str:
    """The name that the provider gives: the program's own, or the logical name and seven hex digits.

    Raises:
        ProviderRefusalError: The logical name leaves no room for the digits, in the words of the Pulumi bridge
            (`resource.NewUniqueHex`).
    """
    given = context.take(naming.input)
    prefix = context.take(naming.prefix) if naming.prefix else None
    if given:
        return str(given)
    suffix = naming.suffix(context.inputs)
    # Terraform appends 26 digits to a prefix, the bridge 7 hex digits to a logical name.
    stem, random = (
        (prefix, str(int(context.digest(), 16))[:26])
        if prefix
        else (f"{naming.stem}{context.registration.name}-", context.digest()[:7])
    )
    name = f"{stem}{random}{suffix}"
    if len(name) > naming.limit:
        raise ProviderRefusalError(
            f"name '{stem}' plus {len(random)} random chars is longer than maximum length {naming.limit}"
        )
    return name.lower() if naming.lower else name


# --- inputs to parameters ---------------------------------------------------------------------------------------------


def convert_inputs(
    inputs: Mapping[str, Any], shape: Any, rules: Rules, *, within: str = ""
) -> dict[str, Any]:
    """Parameters of an operation (`shape` is its botocore input shape) from Pulumi inputs.

    Raises:
        UnmappedInputError: Inputs, at any depth, that no rule and no name takes.
    """
    conversion = _Conversion(shape, rules)
    if within:
        inner: dict[str, Any] = {}
        place(conversion.root, within, inner)
        conversion.structure(inputs, shape_at(shape, within), "", inner)
    else:
        conversion.structure(inputs, shape, "", conversion.root)
    if conversion.unmapped:
        raise UnmappedInputError(conversion.unmapped)
    return conversion.root


def member_for(key: str, members: Iterable[str]) -> str | None:
    """The member that an input of this name means: same letters, then singular or plural, then with `List`."""
    by_name = {name.lower(): name for name in members}
    lower = key.lower()
    forms = [lower, f"{lower}s", f"{lower}es", f"{lower}list"]
    if lower.endswith("ies"):
        forms.append(f"{lower[:-3]}y")
    if lower.endswith("es"):
        forms.append(lower[:-2])
    if lower.endswith("s"):
        forms += [lower[:-1], f"{lower[:-1]}list"]
    if lower.endswith("y"):
        forms.append(f"{lower[:-1]}ies")
    return next((by_name[form] for form in forms if form in by_name), None)


class _Conversion:
    def __init__(self, shape: Any, rules: Rules) -> None:
        self.shape = shape
        self.rules = rules
        self.root: dict[str, Any] = {}
        self.unmapped: list[str] = []

    def structure(self, value: Mapping[str, Any], shape: Any, path: str, out: dict[str, Any]) -> None:
        for key, item in value.items():
            if item is None:
                continue
            here = f"{path}.{key}" if path else key
            rule = self.rules.get(here)
            if isinstance(rule, Ignore):
                continue
            if rule is not None and rule != "":
                self._by_rule(rule, item, shape, here, out)
                continue
            member = member_for(key, shape.members) if shape is not None else None
            if member is not None:
                place(out, member, self.value(item, shape.members[member], here))
            elif isinstance(item, Mapping) and any(r.startswith(f"{here}.") for r in self.rules):
                self.structure(item, None, here, out)
            elif (
                isinstance(item, list)
                and len(item) == 1
                and isinstance(item[0], Mapping)
                and any(r.startswith(f"{here}.") for r in self.rules)
            ):
                self.structure(item[0], None, here, out)
            else:
                self.unmapped.append(here)

    def _by_rule(self, rule: str | As, item: Any, shape: Any, here: str, out: dict[str, Any]) -> None:
        target = rule.path if isinstance(rule, As) else rule
        if target.startswith("/"):
            target, shape, out = target[1:], self.shape, self.root
        if shape is None:
            self.unmapped.append(here)
            return
        turned = rule.turn(item) if isinstance(rule, As) else None
        if isinstance(rule, As) and turned is None:
            return
        place(
            out,
            target,
            turned if isinstance(rule, As) else self.value(item, shape_at(shape, target), here),
        )

    def value(self, value: Any, shape: Any, path: str) -> Any:
        kind = shape.type_name
        if kind == "structure":
            if isinstance(value, list) and {"Quantity", "Items"} <= set(shape.members):
                # CloudFront counts every list: https://docs.aws.amazon.com/cloudfront/latest/APIReference/
                items = self.value(value, shape.members["Items"], path)
                return {"Quantity": len(items), **({"Items": items} if items else {})}
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if not isinstance(value, Mapping):
                self.unmapped.append(path)
                return value
            inner: dict[str, Any] = {}
            self.structure(value, shape, path, inner)
            return inner
        if kind == "list":
            items = value if isinstance(value, list) else [value]
            return [self.value(item, shape.member, path) for item in items]
        if kind == "map":
            if not isinstance(value, Mapping):
                self.unmapped.append(path)
                return value
            return {str(key): self.value(item, shape.value, path) for key, item in value.items()}
        return scalar(value, kind)


def scalar(value: Any, kind: str) -> Any:
    """A scalar in the API's type: Terraform keeps some numbers and switches as text, and the reverse."""
    if kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, int | float) else value
    if kind in {"integer", "long"} and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind in {"double", "float"} and isinstance(value, int | str):
        return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", str(value)) else value
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    return value


_STEP = re.compile(r"([^.\[\]]+)(?:\[([^\]]*)\])?(?:\.|$)")


def shape_at(shape: Any, path: str) -> Any:
    """The shape of an API path; KeyError where the model has no such member."""
    for name, pair in _STEP.findall(path):
        if shape.type_name == "list":
            shape = shape.member
        if shape.type_name == "map":
            shape = shape.value
        elif name != "0":
            if name not in shape.members:
                raise KeyError(f"{shape.name} has no member {name}")
            shape = shape.members[name]
        if pair:
            shape = next(s for n, s in shape.member.members.items() if n.lower().endswith("value"))
    return shape


def place(out: dict[str, Any], path: str, value: Any) -> None:
    """Puts `value` at an API path, making what leads to it.

    `Name.0.Member` is a member of a list's only element; `Name[key]` appends a key-value pair.
    """
    steps = _STEP.findall(path)
    for index, (name, pair) in enumerate(steps):
        if pair:
            lower = name[0].islower()
            entry = {"key" if lower else "Key": pair, "value" if lower else "Value": value}
            out.setdefault(name, []).append(entry)
            return
        if name == "0":
            continue
        if index == len(steps) - 1:
            if isinstance(out.get(name), dict) and isinstance(value, dict):
                out[name].update(value)
            else:
                out[name] = value
        elif steps[index + 1][0] == "0":
            out = out.setdefault(name, [{}])[0]
        else:
            out = out.setdefault(name, {})


def tag_parameter(shape: Any, tags: Mapping[str, str]) -> Any:
    """Tags as this service spells them: a map, or pairs called Key/Value, key/value or TagKey/TagValue."""
    if shape.type_name == "map":
        return dict(tags)
    if shape.type_name == "structure":
        # CloudFront: {"Items": [...]}
        return {"Items": tag_parameter(shape.members["Items"], tags)}
    key = next(name for name in shape.member.members if name.lower().endswith("key"))
    value = next(name for name in shape.member.members if name.lower().endswith("value"))
    return [{key: name, value: text} for name, text in tags.items()]


def json_text(value: Any) -> str:
    """A policy or another document: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


# --- the calls of a handler -------------------------------------------------------------------------------------------


def run(context: Context) -> tuple[str, dict[str, Any]]:
    """Makes every call of the registration's handler; returns id and outputs."""
    handler = context.handler
    context.taken.update(handler.ignored)
    if handler.naming is not None:
        context.name = automatic_name(context, handler.naming)
    if handler.create is not None:
        context.id, outputs = handler.create(context)
        context.finish()
    else:
        later = {key for call in handler.then for key in _top_keys(call.inputs)}
        main = {
            key: item
            for key, item in context.inputs.items()
            if key not in context.taken and key not in later and key != "tags"
        }
        shape = context.caller.operation_shape(handler.service, handler.operation)
        params = convert_inputs(main, shape, handler.inputs, within=handler.within)
        context.taken.update(main, later)
        context.finish()
        _add_name_and_tags(context, shape, params)
        for path, template in handler.params.items():
            value = context.render(template)
            if value is not None:
                place(params, path, value)
        context.main_params = params
        context.response = context.call(handler.operation, params)
        context.id = str(context.render(handler.id))
        outputs = {}
    if handler.tagging is not None and context.tags:
        params = {key: context.render(item) for key, item in handler.tagging.params.items()}
        add_tags(context, handler.tagging.operation, params)
        context.call(handler.tagging.operation, params)
    for call in handler.then:
        _follow_up(context, call)
    rendered = {key: context.render(template) for key, template in handler.outputs.items()}
    outputs = {**rendered, **outputs}
    if handler.naming is not None and context.name:
        outputs.setdefault(handler.naming.input, context.name)
    if handler.tags:
        outputs.setdefault("tagsAll", context.tags)
    outputs.setdefault("region", context.region)
    return context.id, plain_output({k: v for k, v in outputs.items() if v is not None})


def add_tags(context: Context, operation: str, params: dict[str, Any]) -> None:
    """Adds this registration's tags to the parameters of a create operation, in its own spelling."""
    if not context.tags or context.handler.tags in {"", "-"}:
        return
    name, _, resource_type = context.handler.tags.partition(":")
    if resource_type:
        params["TagSpecifications"] = [
            {
                "ResourceType": resource_type,
                "Tags": [{"Key": key, "Value": value} for key, value in context.tags.items()],
            }
        ]
        return
    shape = context.caller.operation_shape(context.handler.service, operation)
    place(params, name, tag_parameter(shape_at(shape, name), context.tags))


def _add_name_and_tags(context: Context, shape: Any, params: dict[str, Any]) -> None:
    handler = context.handler
    if handler.naming is not None and handler.naming.api != "-":
        target = handler.naming.api
        if not target:
            holder = shape_at(shape, handler.within) if handler.within else shape
            member = member_for(handler.naming.input, holder.members)
            if member is None:
                raise UnmappedInputError([handler.naming.input])
            target = f"{handler.within}.{member}" if handler.within else member
        place(params, target, context.name)
    if handler.tags and handler.tagging is None:
        add_tags(context, handler.operation, params)


def _top_keys(rules: Rules) -> set[str]:
    return {path.split(".", 1)[0] for path in rules}


def _follow_up(context: Context, call: Call) -> None:
    keys = _top_keys(call.inputs)
    given = {key: item for key, item in context.inputs.items() if key in keys}
    if not given and not call.always:
        return
    context.taken.update(keys)
    shape = context.caller.operation_shape(
        call.service or context.handler.service, call.operation
    )
    groups = [{key: item} for key, item in given.items()] if call.each else [given]
    for group in groups:
        params = convert_inputs(group, shape, call.inputs)
        if group and not params:
            continue
        for path, template in call.params.items():
            value = context.render(template)
            if value is not None:
                place(params, path, value)
        context.call(call.operation, params, service=call.service, region=context.render(call.region))
