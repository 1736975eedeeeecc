"""Resources as rules see them, and the graph that they form.

The same two classes serve a single resource (inputs, before it is created) and the whole stack
(outputs and dependencies).
"""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import PolicyResource, ResourceValidationArgs

from guardrails import tokens
from guardrails.values import NotEvaluatedError, Unknown, View, decode, normalise

T = TypeVar("T")
_IDENTITIES = ("id", "arn", "name", "bucket", "url", "identifier", "keyId", "topic", "keyArn")
"""Properties by whose value one resource refers to another when no dependency says so."""


class Resource(View):
    """One resource: its properties by type-checked accessors, its options, what it depends on."""

    def __init__(
        self,
        *,
        urn: str,
        type: str,
        name: str,
        properties: dict[str, Any],
        secrets: frozenset[str] = frozenset(),
        protect: bool = False,
        ignore_changes: Sequence[str] = (),
        parent: str = "",
        provider: Mapping[str, Any] | None = None,
        dependencies: Iterable[str] = (),
        property_dependencies: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Holds plain properties (see `values.decode`) and the facts that come beside them."""
        super().__init__(properties)
        self.urn = urn
        self.type = type
        self.kind = tokens.canonical(type)
        """The type under its canonical token: what a rule compares with."""
        self.name = name
        self.secrets = secrets
        self.protect = protect
        self.ignore_changes = tuple(ignore_changes)
        self.parent = parent
        self.provider = View(dict(provider or {}), "provider")
        """Properties of the provider that manages the resource; empty where the engine sent none.
        """
        self.dependencies = tuple(dependencies)
        self.property_dependencies = dict(property_dependencies or {})
        self._memo: dict[Any, Any] = {}

    def memo(self, key: Any, compute: Callable[[], T]) -> T:
        """What `compute` returns, worked out once per resource however many rules ask (IAM
        documents, mostly).
        """
        if key not in self._memo:
            self._memo[key] = compute()
        return self._memo[key]

    @classmethod
    def from_request(
        cls, request: analyzer_pb2.AnalyzeRequest | analyzer_pb2.AnalyzerResource
    ) -> "Resource":
        """Decodes what the engine sent: once, for all rules together."""
        properties, secrets = decode(request.properties)
        provider = decode(request.provider.properties)[0] if request.HasField("provider") else None
        stack = isinstance(request, analyzer_pb2.AnalyzerResource)
        return cls(
            urn=request.urn,
            type=request.type,
            name=request.name,
            properties=properties,
            secrets=secrets,
            protect=request.options.protect,
            ignore_changes=list(request.options.ignoreChanges),
            parent=(request.parent if stack else "") or request.options.parent,
            provider=provider,
            dependencies=request.dependencies if stack else (),
            property_dependencies={
                key: tuple(value.urns) for key, value in request.propertyDependencies.items()
            }
            if stack
            else None,
        )

    @classmethod
    def from_sdk(cls, source: ResourceValidationArgs | PolicyResource) -> "Resource":
        """The same from what the SDK's own analyzer hands a single policy."""
        stack = isinstance(source, PolicyResource)
        options = source.opts
        return cls(
            urn=source.urn,
            type=source.resource_type,
            name=source.name,
            properties=normalise(source.props),
            protect=bool(options and options.protect),
            ignore_changes=list(options.ignore_changes) if options else (),
            parent=(options.parent or "") if options else "",
            provider=normalise(source.provider.props) if source.provider else None,
            dependencies=[d.urn for d in source.dependencies] if stack else (),
            property_dependencies={
                key: tuple(d.urn for d in found)
                for key, found in source.property_dependencies.items()
            }
            if stack
            else None,
        )


class Stack:
    """Every resource of a stack, and who refers to whom.

    On a first preview every id and ARN is unknown; the dependencies of each property are there all
    the same. So joins use them first, and compare values only where a property has no dependency
    that fits.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        """Indexes resources by URN and type."""
        self.resources = list(resources)
        self.by_urn = {resource.urn: resource for resource in self.resources}
        self._by_kind: dict[str, list[Resource]] = {}
        for resource in self.resources:
            self._by_kind.setdefault(resource.kind, []).append(resource)
        self._memo: dict[Any, Any] = {}

    def memo(self, key: Any, compute: Callable[[], T]) -> T:
        """What `compute` returns, worked out once per stack however many rules ask."""
        if key not in self._memo:
            self._memo[key] = compute()
        return self._memo[key]

    def of(self, *kinds: str) -> list[Resource]:
        """Resources of these types, whatever spelling of the token they were declared with."""
        return [r for kind in kinds for r in self._by_kind.get(tokens.canonical(kind), ())]

    def targets(self, resource: Resource, path: str, *kinds: str) -> list[Resource]:
        """The resources of these types that a property of `resource` refers to.

        Raises:
            NotEvaluatedError: The value is unknown and no dependency tells what it refers to.
        """
        wanted = {tokens.canonical(kind) for kind in kinds}
        value = resource.get(path)
        if value is None or (isinstance(value, list) and not value):
            return []
        found = self._by_dependency(resource, path.split(".")[0].split("[")[0], wanted)
        if len(found) == 1 and not isinstance(value, list):
            return found
        known = _known_texts(value)
        by_value = [
            r for kind in sorted(wanted) for text in known for r in self._identities(kind, text)
        ]
        if by_value and not _holds_unknown(value):
            return _unique(by_value)
        if found:
            return found
        if _holds_unknown(value):
            inherited = self._inherited(resource, path, wanted)
            if inherited or by_value:
                return _unique([*inherited, *by_value])
            raise NotEvaluatedError(resource.at(path))
        return []

    def sources(self, resource: Resource, path: str, *kinds: str) -> list[Resource]:
        """The resources of these types whose property at `path` refers to `resource`.

        Raises:
            NotEvaluatedError: None does for certain, and one might: what it refers to is unknown.
        """
        index = self.memo(
            ("sources", path, kinds), functools.partial(self._index_sources, path, kinds)
        )
        found, undecided = [], []
        for source, lookup in index:
            targets = lookup(resource.kind)
            if targets is None:
                undecided.append(source)
            elif any(target.urn == resource.urn for target in targets):
                found.append(source)
        if undecided and not found:
            raise NotEvaluatedError(f"{path} of {undecided[0].name}")
        return found

    def _index_sources(
        self, path: str, kinds: tuple[str, ...]
    ) -> list[tuple[Resource, Callable[[str], list[Resource] | None]]]:
        def lookup(source: Resource) -> Callable[[str], list[Resource] | None]:
            @functools.cache
            def targets(kind: str) -> list[Resource] | None:
                try:
                    return self.targets(source, path, kind)
                except NotEvaluatedError:
                    return None

            return targets

        return [(source, lookup(source)) for source in self.of(*kinds)]

    def depends(self, resource: Resource, path: str, *kinds: str) -> list[Resource]:
        """The resources of these types that the property's value was made from: for documents that
        embed several.
        """
        return self._by_dependency(
            resource, path.split(".")[0], {tokens.canonical(kind) for kind in kinds}
        )

    def _by_dependency(self, resource: Resource, key: str, wanted: set[str]) -> list[Resource]:
        return [
            self.by_urn[urn]
            for urn in resource.property_dependencies.get(key, ())
            if urn in self.by_urn and self.by_urn[urn].kind in wanted
        ]

    def _inherited(self, resource: Resource, path: str, wanted: set[str]) -> list[Resource]:
        """Follows a value passed on: a policy's `bucket` taken from the versioning resource's
        `bucket`.
        """
        key = path.split(".")[0].split("[")[0]
        queue = deque(resource.property_dependencies.get(key, ()))
        seen: set[str] = set()
        while queue:
            urn = queue.popleft()
            passed_on = self.by_urn.get(urn)
            if urn in seen or passed_on is None:
                continue
            seen.add(urn)
            found = self._by_dependency(passed_on, key, wanted)
            if found:
                return found
            queue.extend(passed_on.property_dependencies.get(key, ()))
        return []

    def _identities(self, kind: str, text: str) -> list[Resource]:
        index = self.memo(("identities", kind), functools.partial(self._index_identities, kind))
        return index.get(text, [])

    def _index_identities(self, kind: str) -> dict[str, list[Resource]]:
        index: dict[str, list[Resource]] = {}
        for resource in self.of(kind):
            for key in _IDENTITIES:
                value = resource.get(key)
                if isinstance(value, str) and value:
                    holders = index.setdefault(value, [])
                    if resource not in holders:
                        holders.append(resource)
        return index


def _known_texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item]


def _holds_unknown(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, Unknown) for item in items)


def _unique(resources: Iterable[Resource]) -> list[Resource]:
    return list({resource.urn: resource for resource in resources}.values())
