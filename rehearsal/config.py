"""Stack configuration as the engine reads it: two YAML files in, `{"ns:key": text}` out.

The rules and the sentences are the engine's own, so that what is refused here is refused there:
https://github.com/pulumi/pulumi/blob/v3.272.0/sdk/go/common/workspace/project.go
https://github.com/pulumi/pulumi/blob/v3.272.0/pkg/workspace/config.go
It reports every problem at once where the engine stops at the first.

What cannot be done without a secrets provider is to decrypt a `secure:` value. Such a value is
replaced by an obviously made-up one and listed in `StackConfig.substituted`; `REHEARSAL_CONFIG`
(JSON, `{"key": value}`) supplies a better one.
"""

import dataclasses
import difflib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SUPPLY_VARIABLE = "REHEARSAL_CONFIG"
"""Environment variable with a JSON object: values for keys whose own value is encrypted."""
SUBSTITUTE = "not-a-secret-rehearsal-only"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")
_TYPES = ("string", "integer", "boolean", "array", "object")
_DISABLED = "pulumi:disable-default-providers"


class ConfigError(Exception):
    """The project or the stack configuration is not one that the engine would run with.

    `problems` holds one sentence for each.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The configuration of one stack, ready to be handed to a program."""

    project: str
    stack: str
    directory: Path
    """Where Pulumi.yaml is."""
    main: Path
    """Where the program runs: `main` of Pulumi.yaml, or `directory`."""
    values: Mapping[str, str] = dataclasses.field(repr=False)
    """By `namespace:name`; objects and arrays as JSON text, booleans as `true` and `false`."""
    secret_keys: frozenset[str]
    substituted: tuple[str, ...]
    """Keys (or paths within one) whose encrypted value was replaced by a made-up one."""
    disabled_default_providers: frozenset[str]
    """Packages whose resources must have an explicit provider; `*` for all."""
    description: str = ""

    def get(self, name: str, default: str = "") -> str:
        """A value of the project's own namespace, or one of another with its `namespace:`."""
        return self.values.get(name if ":" in name else f"{self.project}:{name}", default)

    @property
    def secrets(self) -> frozenset[str]:
        """The texts that must never be shown: values of secret keys and the leaves of JSON ones."""
        found: set[str] = set()
        for key in self.secret_keys:
            text = self.values[key]
            found.add(text)
            try:
                found.update(_leaves(json.loads(text)))
            except ValueError:
                continue
        # Masking "", "5" or "true" would only hide harmless text everywhere.
        return frozenset(text for text in found if len(text) >= 4 and text != "true")


def stacks(directory: Path) -> list[str]:
    """The stacks that have a file in `directory`, sorted."""
    names = (path.name.removeprefix("Pulumi.") for path in directory.glob("Pulumi.*.yaml"))
    return sorted(name.removesuffix(".yaml") for name in names)


def load_config(
    directory: Path, stack: str, environ: Mapping[str, str] = os.environ
) -> StackConfig:
    """Reads and checks the configuration of `stack`.

    Args:
        directory: The project's directory.
        stack: Name of the stack, without an organisation.
        environ: Where to look for `REHEARSAL_CONFIG`. Defaults to the process's environment.

    Raises:
        ConfigError: The engine would refuse it; lists every reason found.
    """
    project = _read_project(directory / "Pulumi.yaml")
    name = project["name"]
    # The engine makes an unknown stack's configuration empty; with no file here, a typing error is
    # likelier.
    folder = directory / str(project.get("stackConfigDir", ""))
    path = folder / f"Pulumi.{stack}.yaml"
    if not _NAME.match(stack) or not path.is_file():
        known = stacks(folder)
        raise ConfigError([_unknown_stack(stack, known, folder)])
    document = _read_yaml(path) or {}
    if not isinstance(document, dict):
        raise ConfigError([f"{path.name}: expected a mapping, not {type(document).__name__}."])
    if document.get("environment"):
        raise ConfigError(
            [
                f"{path.name}: `environment` imports values from Pulumi ESC, which a rehearsal "
                f"cannot open. Put the plain values in a stack file of their own."
            ]
        )
    given = document.get("config") or {}
    if not isinstance(given, dict):
        raise ConfigError([f"{path.name}: `config` must be a mapping."])
    return _Reading(project, stack, directory, environ).read(given, name)


class _Reading:
    """One reading of a stack's configuration; collects problems, never stops at one."""

    def __init__(
        self,
        project: Mapping[str, Any],
        stack: str,
        directory: Path,
        environ: Mapping[str, str],
    ) -> None:
        self._project = project
        self._stack = stack
        self._directory = directory
        self._declared: dict[str, dict[str, Any]] = project["config"]
        self._supplied = _supplied(environ)
        self._used: set[str] = set()
        self._problems: list[str] = []
        self._substituted: list[str] = []

    def read(self, given: Mapping[str, Any], name: str) -> StackConfig:
        values: dict[str, Any] = {}
        secure: set[str] = set()
        for raw_key, raw in given.items():
            key = _full_key(name, str(raw_key))
            value, is_secure = self._decrypted(key, raw)
            values[key] = value
            if is_secure:
                secure.add(key)
        self._apply_project(name, values, secure)
        for key in sorted(set(self._supplied) - self._used):
            self._problems.append(
                f"{SUPPLY_VARIABLE} has a value for '{key}', whose value in the stack file is not "
                f"encrypted. Change the stack file instead."
            )
        texts = {key: _text(value) for key, value in values.items() if value is not None}
        disabled = self._disabled(texts.get(_DISABLED, ""))
        if self._problems:
            raise ConfigError(self._problems)
        return StackConfig(
            project=name,
            stack=self._stack,
            directory=self._directory,
            main=self._directory / str(self._project.get("main") or ""),
            values=dict(sorted(texts.items())),
            secret_keys=frozenset(secure & set(texts)),
            substituted=tuple(sorted(self._substituted)),
            disabled_default_providers=disabled,
            description=str(self._project.get("description") or ""),
        )

    def _decrypted(self, key: str, raw: Any) -> tuple[Any, bool]:
        """The value with every `secure:` in it replaced, and whether there was one."""
        found: list[str] = []
        value = self._replace_secure(raw, key, found)
        if not found:
            return value, False
        name = key.removeprefix(f"{self._project['name']}:")
        for candidate in (key, name):
            if candidate in self._supplied:
                self._used.add(candidate)
                return self._supplied[candidate], True
        self._substituted.extend(found)
        return value, True

    def _replace_secure(self, raw: Any, path: str, found: list[str]) -> Any:
        if isinstance(raw, dict):
            # The engine's own test: exactly one key, `secure`, holding a text.
            if len(raw) == 1 and isinstance(raw.get("secure"), str):
                found.append(path)
                return self._substitute(path)
            return {
                str(key): self._replace_secure(item, f"{path}.{key}", found)
                for key, item in raw.items()
            }
        if isinstance(raw, list):
            return [
                self._replace_secure(item, f"{path}[{index}]", found)
                for index, item in enumerate(raw)
            ]
        return raw

    def _substitute(self, path: str) -> Any:
        """A made-up value of the type that the project declares for the key."""
        declared = self._declared.get(path) or {}
        made_up: dict[str, Any] = {"integer": 1, "boolean": False, "array": [], "object": {}}
        return made_up.get(str(declared.get("type")), SUBSTITUTE)

    def _apply_project(self, name: str, values: dict[str, Any], secure: set[str]) -> None:
        missing: list[str] = []
        for key, declared in sorted(self._declared.items()):
            own = key.startswith(f"{name}:")
            short = key.removeprefix(f"{name}:")
            if key not in values:
                value = declared.get("default", declared.get("value"))
                if value is None:
                    if own:
                        missing.append(short)
                    continue
                values[key] = value
            if "type" in declared:
                self._check(short, declared, values[key], is_secure=key in secure)
        if missing:
            plural = "values" if len(missing) > 1 else "value"
            listed = _listed(missing)
            self._problems.insert(
                0, f"Stack '{self._stack}' is missing configuration {plural} {listed}"
            )

    def _check(self, key: str, declared: Mapping[str, Any], value: Any, *, is_secure: bool) -> None:
        if declared.get("secret") and not is_secure:
            self._problems.append(
                f"Stack '{self._stack}' with configuration key '{key}' must be encrypted as it's "
                f"secret. Use `pulumi config set --secret {key}`."
            )
            return
        # The engine checks scalars as text, because that is what a stack file's scalar becomes.
        content = value if isinstance(value, dict | list) else _text(value)
        if value is None or not _is_of_type(declared["type"], declared.get("items"), content):
            expected = _type_name(declared["type"], declared.get("items"))
            self._problems.append(
                f"Stack '{self._stack}' with configuration key '{key}' must be of type '{expected}'"
            )

    def _disabled(self, text: str) -> frozenset[str]:
        if not text:
            return frozenset()
        try:
            packages = json.loads(text)
        except ValueError:
            packages = None
        if not isinstance(packages, list) or not all(isinstance(item, str) for item in packages):
            self._problems.append(
                f"{_DISABLED} must be a list of package names, such as [aws]; it is {text}"
            )
            return frozenset()
        return frozenset(item.strip() for item in packages)


def _read_project(path: Path) -> dict[str, Any]:
    """Pulumi.yaml with its `config` normalised: full keys, and a mapping for each."""
    if not path.is_file():
        raise ConfigError(
            [f"No Pulumi.yaml in {path.parent}; run this in the project's directory."]
        )
    project = _read_yaml(path)
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise ConfigError(["Pulumi.yaml: project is missing a non-empty string 'name' attribute"])
    name = project["name"]
    declared = project.get("config") or {}
    if isinstance(declared, str):
        # The old spelling of stackConfigDir.
        project["stackConfigDir"], declared = declared, {}
    problems: list[str] = []
    normal: dict[str, dict[str, Any]] = {}
    for key, value in declared.items():
        own = ":" not in key or key.startswith(f"{name}:")
        if not isinstance(value, dict):
            value = {"default" if own else "value": value}
        problems.extend(_declaration_problems(key, value, own=own))
        normal[_full_key(name, key)] = value
    if problems:
        raise ConfigError([f"Pulumi.yaml: {problem}" for problem in problems])
    return {**project, "config": normal}


def _declaration_problems(key: str, value: Mapping[str, Any], *, own: bool) -> list[str]:
    type_, items, default = value.get("type"), value.get("items"), value.get("default")
    if default is not None and value.get("value") is not None:
        return [f"project config '{key}' cannot have both a 'default' and 'value' attribute"]
    if not own:
        if type_ is not None:
            return [
                f"Configuration key '{key}' is not namespaced by the project and should not define "
                f"a type"
            ]
        if default is not None:
            return [
                f"Configuration key '{key}' is not namespaced by the project and should not define "
                f"a default value. Did you mean to use the 'value' attribute instead of 'default'?"
            ]
        if value.get("value") is None:
            return [
                f"Configuration key '{key}' is namespaced and must provide an attribute 'value'"
            ]
        return []
    if type_ is None:
        return []
    if type_ not in _TYPES:
        return [f"Configuration key '{key}' has type '{type_}', not one of {', '.join(_TYPES)}"]
    if type_ == "array" and not items:
        return [
            f"The configuration key '{key}' declares an array but does not specify the underlying "
            f"type via the 'items' attribute"
        ]
    if default is not None and not _is_of_type(type_, items, default):
        return [
            f"The default value specified for configuration key '{key}' is not of the expected "
            f"type '{_type_name(type_, items)}'"
        ]
    return []


def _is_of_type(type_: str, items: Any, value: Any) -> bool:
    """The engine's `ValidateConfigValue`."""
    if type_ == "string":
        return isinstance(value, str)
    if type_ == "integer":
        if isinstance(value, str):
            return bool(re.fullmatch(r"[+-]?[0-9]+", value))
        if isinstance(value, bool):
            return False
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if type_ == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if type_ == "object":
        return isinstance(value, dict)
    if not isinstance(value, list) or not isinstance(items, dict):
        return False
    return all(_is_of_type(str(items.get("type")), items.get("items"), item) for item in value)


def _type_name(type_: str, items: Any) -> str:
    if isinstance(items, dict):
        return f"array<{_type_name(str(items.get('type')), items.get('items'))}>"
    return type_


def _text(value: Any) -> str:
    """A value as the engine passes it: a text as it is, all else as compact JSON, keys sorted."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False, default=str)
    # Go's encoder escapes these inside strings, the only place where they can be.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _full_key(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    if len(quoted) == 1:
        return quoted[0]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _unknown_stack(stack: str, known: list[str], folder: Path) -> str:
    if not known:
        return f"No stack '{stack}': {folder} has no Pulumi.<stack>.yaml file."
    near = difflib.get_close_matches(stack, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"No stack '{stack}'. There is a file for: {', '.join(known)}.{hint}"


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError([f"{path.name} is not valid YAML: {error}"]) from error


class _Loader(yaml.SafeLoader):
    """YAML as the engine's parser reads it: a date stays a text, `yes` and `on` are texts too."""


# PyYAML follows YAML 1.1; the engine's Go parser takes only true and false for a boolean it was not
# asked for.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")
)


def _supplied(environ: Mapping[str, str]) -> dict[str, Any]:
    text = environ.get(SUPPLY_VARIABLE, "")
    if not text:
        return {}
    try:
        supplied = json.loads(text)
    except ValueError:
        supplied = None
    if not isinstance(supplied, dict):
        # The text may hold secrets: it is not repeated.
        raise ConfigError([f'{SUPPLY_VARIABLE} must be a JSON object such as {{"key": "value"}}.'])
    return supplied


def _leaves(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {leaf for item in value.values() for leaf in _leaves(item)}
    if isinstance(value, list):
        return {leaf for item in value for leaf in _leaves(item)}
    return {value} if isinstance(value, str) else set()
