"""Makes the calls that a handler describes."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from rehearsal.handlers.conversion import (
    Rules,
    UnmappedInputError,
    convert_inputs,
    member_for,
    place,
    shape_at,
    tag_parameter,
)
from rehearsal.handlers.model import Call, Context, Naming, ProviderRefusalError


def automatic_name(context: Context, naming: Naming) -> str:
    """The name that the provider gives: the program's, or the logical name and seven hex digits.

    Raises:
        ProviderRefusalError: The logical name leaves no room for the digits, in the words of the
            Pulumi bridge (`resource.NewUniqueHex`).
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
            f"name '{stem}' plus {len(random)} random chars is longer than maximum length "
            f"{naming.limit}"
        )
    return name.lower() if naming.lower else name


def plain_output(value: Any) -> Any:
    """An API answer's value as the wire format takes it."""
    if isinstance(value, Mapping):
        return {key: plain_output(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain_output(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


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
    """Adds the registration's tags to the parameters of an operation, in its own spelling."""
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
    shape = context.caller.operation_shape(call.service or context.handler.service, call.operation)
    groups = [{key: item} for key, item in given.items()] if call.each else [given]
    for group in groups:
        params = convert_inputs(group, shape, call.inputs)
        if group and not params:
            continue
        for path, template in call.params.items():
            value = context.render(template)
            if value is not None:
                place(params, path, value)
        context.call(
            call.operation, params, service=call.service, region=context.render(call.region)
        )
