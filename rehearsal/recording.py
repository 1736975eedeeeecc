"""Runs a Pulumi program without an engine and keeps everything that it registers.

The SDK's own test interface (`pulumi.runtime.set_mocks`) stands in for the engine; a monitor built
on it keeps what the stock one throws away: dependencies, options, registered outputs and exports.
It is not an engine: it runs no transform, resolves no alias, keeps no state. The rehearsal and all
component tests use this one recorder.
"""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pulumi
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockEngine, MockMonitor
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource
from pulumi.runtime.stack import run_pulumi_func

STACK_TYPE = "pulumi:pulumi:Stack"
UNKNOWN = rpc.UNKNOWN
"""The sentinel string that stands for a value which only a deployment can know."""
_ASSETS = (rpc._special_asset_sig, rpc._special_archive_sig)


@dataclasses.dataclass(kw_only=True, eq=False)
class Registration:
    """One resource as the program registered it.

    Mutable in one respect only: the recorder fills in `id` and `outputs` from the answer.
    """

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    """URN of the parent, or "" for the stack itself."""
    provider: str
    """URN of the explicit provider, or "" for a component or the default provider."""
    properties: struct_pb2.Struct
    """Inputs as they travel to the engine: secrets wrapped, unknowns as sentinel strings."""
    inputs: dict[str, Any]
    """Inputs as plain Python: secrets unwrapped, whole floats as ints, unknowns still sentinels."""
    dependencies: tuple[str, ...]
    property_dependencies: dict[str, tuple[str, ...]]
    protect: bool
    retain_on_delete: bool
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    delete_before_replace: bool
    additional_secret_outputs: tuple[str, ...]
    aliases: tuple[str, ...]
    custom_timeouts: dict[str, str]
    remote: bool = False
    import_id: str = ""
    provider_inputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Inputs of the explicit provider: region, default tags."""
    id: str = ""
    outputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What the answer returned; for a component, what `register_outputs` sent."""
    outputs_registered: bool = False

    def to_json(self) -> dict[str, Any]:
        """Everything the program decided, secrets masked; nothing that an answer added."""
        masked = mask_secrets(json_format.MessageToDict(self.properties))
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "parent": self.parent,
            "provider": self.provider,
            "inputs": masked,
            "dependencies": sorted(self.dependencies),
            "propertyDependencies": {
                key: sorted(urns) for key, urns in sorted(self.property_dependencies.items())
            },
            "options": {
                "protect": self.protect,
                "retainOnDelete": self.retain_on_delete,
                "ignoreChanges": sorted(self.ignore_changes),
                "replaceOnChanges": sorted(self.replace_on_changes),
                "deleteBeforeReplace": self.delete_before_replace,
                "additionalSecretOutputs": sorted(self.additional_secret_outputs),
                "aliases": sorted(self.aliases),
                "customTimeouts": self.custom_timeouts,
            },
        }


Answer = Callable[[Registration], tuple[str, Mapping[str, Any]]]
"""Gives a custom resource its id and outputs; in the order of dependencies, one call at a time."""
Lookup = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Answers a provider function (token, arguments)."""


@dataclasses.dataclass(kw_only=True)
class Graph:
    """What one run of a program registered, in one order whatever the threads did."""

    project: str
    stack: str
    preview: bool
    resources: dict[str, Registration]
    """By URN, sorted."""
    exports: dict[str, Any]
    secret_exports: frozenset[str]
    invokes: list[tuple[str, dict[str, Any]]]

    def __iter__(self) -> Iterator[Registration]:
        return iter(self.resources.values())

    def __len__(self) -> int:
        return len(self.resources)

    @property
    def custom(self) -> list[Registration]:
        """Resources that a provider creates, the providers themselves left out."""
        return [r for r in self if r.custom and not r.type.startswith("pulumi:")]

    @property
    def components(self) -> list[Registration]:
        """Resources that only group others."""
        return [r for r in self if not r.custom]

    def of(self, type_: str) -> dict[str, Registration]:
        """Resources of one type token, by name."""
        return {r.name: r for r in self if r.type == type_}

    def one(self, type_: str, name: str | None = None) -> Registration:
        """The only resource of a type, or the one called `name`; else an AssertionError."""
        found = [r for r in self if r.type == type_ and (name is None or r.name == name)]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} resources of {type_} (name {name}), not one")
        return found[0]

    def children(self, urn: str) -> list[Registration]:
        """Resources whose parent is `urn`."""
        return [r for r in self if r.parent == urn]

    def to_json(self) -> str:
        """The graph as text: equal for equal programs, byte for byte."""
        return json.dumps(
            {
                "project": self.project,
                "stack": self.stack,
                "resources": [r.to_json() for r in self],
                "exports": sorted(self.exports),
            },
            indent=1,
            sort_keys=True,
        )


def mask_secrets(value: Any) -> Any:
    """Replaces every wrapped secret in a wire-format value by the text `[secret]`."""
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return "[secret]"
        return {key: mask_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask_secrets(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """A wire-format value as plain Python: secrets unwrapped, whole floats as ints, assets kept."""
    if isinstance(value, dict):
        signature = value.get(rpc._special_sig_key)
        if signature == rpc._special_secret_sig:
            return plain(value["value"])
        if signature == rpc._special_resource_sig:
            return value["urn"]
        if signature in _ASSETS:
            return {key: plain(item) for key, item in value.items() if key != "hash"}
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class DuplicateResourceError(Exception):
    """Two resources share one URN; the engine refuses that too."""


class DefaultProviderDenied(Exception):
    """A resource or a provider function would use a default provider that the stack disables."""


class RecordingMonitor(MockMonitor):
    """A mock monitor that keeps what each registration said and asks `answer` for the rest."""

    def __init__(
        self,
        answer: Answer,
        lookup: Lookup,
        *,
        preview: bool,
        disabled_default_providers: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(mocks=None)  # pyright: ignore[reportArgumentType]
        self.registrations: dict[str, Registration] = {}
        self.invokes: list[tuple[str, dict[str, Any]]] = []
        self._answer = answer
        self._lookup = lookup
        self._preview = preview
        self._disabled = disabled_default_providers
        self._lock = threading.Lock()

    def _deny_default_provider(self, token: str, provider: str) -> None:
        # https://github.com/pulumi/pulumi/blob/v3.272.0/pkg/resource/deploy/default_providers.go
        package = token.partition(":")[0]
        if provider or package == "pulumi":
            return
        if package in self._disabled or "*" in self._disabled:
            raise DefaultProviderDenied(
                f"Default provider for '{package}' disabled. '{token}' must use an explicit"
                " provider."
            )

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The URN that the engine would give."""
        # The engine joins the types of all ancestors but the stack's; the stock monitor keeps one.
        if parent:
            _, _, ancestors, _ = parent.split("::", 3)
            if ancestors != STACK_TYPE:
                type_ = f"{ancestors}${type_}"
        return super().make_urn("", type_, name)

    def RegisterResource(self, request: Any) -> Any:
        """Keeps the registration and answers it."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        registration = _registration(urn, request)
        if registration.custom:
            self._deny_default_provider(registration.type, request.provider)
        with self._lock:
            if urn in self.registrations:
                raise DuplicateResourceError(f"two resources are called {request.name!r}: {urn}")
            self.registrations[urn] = registration
            if registration.provider in self.registrations:
                registration.provider_inputs = self.registrations[registration.provider].inputs
            if registration.type.startswith("pulumi:providers:"):
                registration.id = UNKNOWN if self._preview else "provider"
                registration.outputs = dict(registration.inputs)
            elif registration.custom or registration.remote:
                registration.id, answered = self._answer(registration)
                registration.outputs = {**registration.inputs, **answered}
        # What the answer left as it was goes back in wire format, so that a secret stays one.
        answered = {
            key: value
            for key, value in registration.outputs.items()
            if key not in registration.inputs or registration.inputs[key] != value
        }
        outputs = json_format.ParseDict(
            {**json_format.MessageToDict(request.object), **answered}, struct_pb2.Struct()
        )
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id="" if registration.id == UNKNOWN else registration.id, object=outputs
        )

    def RegisterResourceOutputs(self, request: Any) -> Any:
        """Keeps what a component says of itself."""
        registration = self.registrations.get(request.urn)
        if registration is not None:
            registration.outputs = plain(json_format.MessageToDict(request.outputs))
            registration.outputs_registered = True
        return super().RegisterResourceOutputs(request)

    def ReadResource(self, request: Any) -> Any:
        """Answers `Resource.get`."""
        urn = self.make_urn(request.parent, request.type, request.name)
        self._deny_default_provider(request.type, request.provider)
        result = self._lookup(f"read:{request.type}", {"id": request.id})
        self.invokes.append((f"read:{request.type}", {"id": request.id}))
        outputs = struct_pb2.Struct()
        json_format.ParseDict(dict(result), outputs)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=outputs)

    def Invoke(self, request: Any) -> Any:
        """Answers a provider function."""
        arguments = plain(json_format.MessageToDict(request.args))
        self._deny_default_provider(request.tok, request.provider)
        with self._lock:
            self.invokes.append((request.tok, arguments))
            result = self._lookup(request.tok, arguments)
        returned = struct_pb2.Struct()
        json_format.ParseDict(dict(result), returned)
        answer: dict[str, Any] = {"return": returned}  # a reserved word in Python
        return resource_pb2.ResourceInvokeResponse(**answer)


class RecordingEngine(MockEngine):
    """The mock engine, that also answers for the version of a CLI which is not there."""

    def RequirePulumiVersion(self, request: Any) -> Any:
        """Accepts every range: no CLI takes part whose version could be wrong."""
        del request
        return engine_pb2.RequirePulumiVersionResponse()


def _registration(urn: str, request: Any) -> Registration:
    raw = json_format.MessageToDict(request.object)
    timeouts = {
        key: getattr(request.customTimeouts, key)
        for key in ("create", "update", "delete")
        if getattr(request.customTimeouts, key)
    }
    return Registration(
        urn=urn,
        type=request.type,
        name=request.name,
        custom=bool(request.custom),
        remote=bool(request.remote),
        parent=request.parent,
        provider=request.provider.rsplit("::", 1)[0] if request.provider else "",
        properties=request.object,
        inputs=plain(raw),
        dependencies=tuple(sorted(request.dependencies)),
        property_dependencies={
            key: tuple(sorted(value.urns))
            for key, value in request.propertyDependencies.items()
            if value.urns
        },
        protect=bool(request.protect),
        retain_on_delete=bool(request.retainOnDelete),
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        delete_before_replace=bool(request.deleteBeforeReplace),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=tuple(
            alias.urn or json.dumps(json_format.MessageToDict(alias.spec), sort_keys=True)
            for alias in request.aliases
        ),
        custom_timeouts=timeouts,
        import_id=request.importId,
    )


def _abandon(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what a refused program left waiting; each would complain on its own otherwise."""
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    settings: Any = SETTINGS
    settings.rpc_manager.clear()
    settings.outputs.clear()


def refuse_lookup(token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The default for provider functions: a program that needs no lookup makes none."""
    raise LookupError(f"no answer prepared for {token}({json.dumps(dict(arguments))})")


def unknown_answer(registration: Registration) -> tuple[str, Mapping[str, Any]]:
    """The answer of a first preview: no id, and no output beyond the inputs."""
    del registration
    return UNKNOWN, {}


def run_program(
    program: Callable[[], object],
    *,
    answer: Answer = unknown_answer,
    lookup: Lookup = refuse_lookup,
    project: str = "babyrobots",
    stack: str = "test",
    config: Mapping[str, str] | None = None,
    secret_keys: frozenset[str] = frozenset(),
    preview: bool = False,
    disabled_default_providers: frozenset[str] = frozenset(),
) -> Graph:
    """Runs `program` to the end of its last registration and returns what it registered.

    Args:
        program: Builds the resources; called once, inside a fresh stack.
        answer: Id and outputs of each custom resource. Defaults to those of a first preview.
        lookup: Result of each provider function. Defaults to refusing, so that no lookup goes
            unnoticed.
        project: Project name. Defaults to `babyrobots`.
        stack: Stack name. Defaults to `test`.
        config: `{"namespace:key": text}`, as the engine passes it. Defaults to none.
        secret_keys: Keys of `config` that hold secrets. Defaults to none.
        preview: Whether computed outputs stay unknown. Defaults to False.
        disabled_default_providers: Packages that must have an explicit provider, `*` for all.
            Defaults to none.

    Raises:
        DefaultProviderDenied: A resource or a lookup has no explicit provider and must have one.
        DuplicateResourceError: Two resources share one URN.
        pulumi.RunError: The program refused its configuration.
        Exception: Whatever the program, `answer` or `lookup` raised.
    """
    loop = asyncio.new_event_loop()
    # A refused resource fails every output made from it. The first failure is raised below; asyncio
    # would print each of the others when it is collected.
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    set_root_resource(None)  # pyright: ignore[reportArgumentType]
    pulumi.runtime.set_all_config(dict(config or {}), sorted(secret_keys))
    monitor = RecordingMonitor(
        answer,
        lookup,
        preview=preview,
        disabled_default_providers=disabled_default_providers,
    )
    exports: dict[str, Any] = {}
    secret_exports: set[str] = set()

    async def main() -> None:
        pulumi.runtime.set_mocks(
            monitor.mocks, project=project, stack=stack, preview=preview, monitor=monitor
        )
        settings: Any = SETTINGS
        settings.engine = RecordingEngine(None)
        await run_pulumi_func(lambda: None)

        async def build() -> None:
            program()
            # Lets the registrations begin: the SDK awaits those that have, and otherwise goes
            # through every output that is still pending each time that one of them is done.
            await asyncio.sleep(0)

        await run_pulumi_func(build)
        root: Any = get_root_resource()
        for name, value in root.outputs.items():
            output = pulumi.Output.from_input(value)
            known = await output.is_known()
            exports[name] = await output.future() if known else UNKNOWN
            if await output.is_secret():
                secret_exports.add(name)

    try:
        loop.run_until_complete(main())
    finally:
        _abandon(loop)
        set_root_resource(None)  # pyright: ignore[reportArgumentType]
        asyncio.set_event_loop(None)
        loop.close()
    return Graph(
        project=project,
        stack=stack,
        preview=preview,
        resources=dict(sorted(monitor.registrations.items())),
        exports=dict(sorted(exports.items())),
        secret_exports=frozenset(secret_exports),
        invokes=sorted(monitor.invokes, key=repr),
    )
