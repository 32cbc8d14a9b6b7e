"""The typed configuration of the whole program: defaults, a TOML file, the environment, flags, the later the stronger.

Every value has a dotted name (``store.flow_days``), which is a key of a table in the file, the variable
``NETSIFT_STORE__FLOW_DAYS`` in the environment, and what a command's flag stands for. A name that is none is refused
with the nearest one that is. A secret may stand in a file of its own: ``store.database_file``. docs/configuration.md
has the list of names.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from netsift.errors import InputError, UsageError
from netsift.flows.settings import MeterSettings
from netsift.sinks.settings import SinksSettings
from netsift.store.settings import StoreSettings

PREFIX: Final = "NETSIFT_"
SEPARATOR: Final = "__"
STARS: Final = "********"
"""What is shown in the place of a secret."""

FILE_SUFFIX: Final = "_file"
SYSTEM_FILE: Final = Path("/etc/netsift/netsift.toml")

_MOST_BYTES: Final = 1 << 20
_MOST_SECRET_BYTES: Final = 1 << 16
_DEFAULT: Final = "default"


class DetectionSettings(BaseModel):
    """How incidents are looked for: the options of ``netsift detect`` by the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: Path | None = None
    key: Path | None = None
    baseline: Path | None = None
    false_positive_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    everything: bool = False


class Configuration(BaseSettings):
    """All values, a section for each part of the program; :func:`load` makes one."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=SEPARATOR,
        nested_model_default_partial_update=True,
    )

    flows: MeterSettings = MeterSettings()
    detection: DetectionSettings = DetectionSettings()
    store: StoreSettings = StoreSettings()
    sinks: SinksSettings = SinksSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - its signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - load() reads it, to know what came from where
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - its signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - its signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what :func:`load` has gathered and nothing else."""
        return (init_settings,)


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A value in force: its dotted name, what it is, where it came from; a secret is shown as stars."""

    name: str
    value: Any
    origin: str
    secret: bool

    @property
    def shown(self) -> Any:
        """The value as it may be shown: a JSON value."""
        if self.value is None or isinstance(self.value, bool | int | float | str):
            return STARS if self.secret and self.value is not None else self.value
        if isinstance(self.value, tuple):
            return [one.model_dump(mode="json", exclude_none=True) for one in self.value]
        return STARS if self.secret else str(self.value)


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration in force and where each of its values came from."""

    configuration: Configuration
    values: tuple[Value, ...]
    file: Path | None


def load(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """Return the configuration in force.

    ``file`` is read in place of :func:`default_file`; ``flags`` are values by dotted name, None where a flag was not
    given.

    Raises:
        InputError: the file, or that of a secret, cannot be read.
        UsageError: a name is none, or a value makes no sense; says where it came from.
    """
    file = file or default_file()
    given: dict[str, tuple[Any, str]] = {}
    for values, origin in (
        ({} if file is None else _of_file(file), f"file {file}"),
        (_of_environment(), "environment"),
        ({name: value for name, value in (flags or {}).items() if value is not None}, "flag"),
    ):
        given |= _with_secrets(values, origin)
    made = _validated(given)
    values_in_force = tuple(
        Value(name, _reached(made, name), given[name][1] if name in given else _DEFAULT, secret)
        for name, secret in known_names().items()
    )
    return Loaded(made, values_in_force, file)


def default_file() -> Path | None:
    """Return the file that is read when none is named: ``NETSIFT_CONFIG``'s, the user's, the system's, or None."""
    if named := os.environ.get(f"{PREFIX}CONFIG"):
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path("~/.config").expanduser()
    return next((path for path in (base / "netsift" / "netsift.toml", SYSTEM_FILE) if path.is_file()), None)


def known_names() -> dict[str, bool]:
    """Return the dotted names of all values, and whether each is a secret."""
    return dict(_names_of(Configuration, ""))


def _names_of(schema: Any, prefix: str) -> Iterator[tuple[str, bool]]:
    if dataclasses.is_dataclass(schema):
        yield from ((f"{prefix}{field.name}", False) for field in dataclasses.fields(schema))
        return
    fields: dict[str, FieldInfo] = schema.model_fields
    for name, field in fields.items():
        kind = field.annotation
        if isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)):
            yield from _names_of(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind is SecretStr or SecretStr in get_args(kind)


def _of_file(file: Path) -> dict[str, Any]:
    """Return the values of a TOML file by dotted name. Raises InputError or UsageError."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from None
    if len(data) > _MOST_BYTES:
        raise InputError(f"{file}: a configuration has at most {_MOST_BYTES:,} bytes")
    try:
        tables = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file}: is not TOML: {error}") from None
    return _flat(tables, "", f"file {file}")


def _flat(tables: Mapping[str, Any], prefix: str, origin: str) -> dict[str, Any]:
    """Return values by dotted name; tables of names that are values are left whole for the check of types."""
    known = _accepted()
    values: dict[str, Any] = {}
    for key, value in tables.items():
        name = f"{prefix}{key}"
        is_section = any(one.startswith(f"{name}.") for one in known)
        if is_section and isinstance(value, Mapping):
            values |= _flat(value, f"{name}.", origin)
        elif name in known:
            values[name] = value
        elif is_section:
            raise UsageError(f"{origin}: {name} is a section, not a value: [{name}]")
        else:
            raise UsageError(_unknown(name, origin))
    return values


def _of_environment() -> dict[str, Any]:
    """Return the values of the environment by dotted name. Raises UsageError."""
    known = _accepted()
    files: dict[str, Any] = {}
    for variable, value in sorted(os.environ.items()):
        if variable.upper() in {f"{PREFIX}{section.upper()}" for section in Configuration.model_fields}:
            raise UsageError(f"environment {variable}: is a section, not a value: {variable}{SEPARATOR}NAME")
        if not variable.upper().startswith(PREFIX) or SEPARATOR not in variable[len(PREFIX) :]:
            continue
        name = variable[len(PREFIX) :].lower().replace(SEPARATOR, ".")
        if name not in known:
            raise UsageError(_unknown(name, f"environment {variable}"))
        if name not in known_names():
            files[name] = value
    try:
        decoded = EnvSettingsSource(Configuration)()
    except SettingsError as error:
        raise UsageError(f"environment: {error}") from None
    values = {
        f"{section}.{key}": value
        for section, values in decoded.items()
        for key, value in values.items()
        if f"{section}.{key}" in known_names()
    }
    return values | files


def _accepted() -> set[str]:
    """Return the names that may be given: those of values, and of files that hold a secret."""
    names = known_names()
    return {*names, *(f"{name}{FILE_SUFFIX}" for name, secret in names.items() if secret)}


def _unknown(name: str, origin: str) -> str:
    near = difflib.get_close_matches(name, sorted(_accepted()), 1, 0.5)
    return f"{origin}: there is no {name[:80]!r}" + (f"; did you mean {near[0]}?" if near else "")


def _with_secrets(values: Mapping[str, Any], origin: str) -> dict[str, tuple[Any, str]]:
    """Return values with their origins, the content of secrets' files in the place of their names."""
    found: dict[str, tuple[Any, str]] = {}
    names = known_names()
    for name, value in values.items():
        if name in names:
            found[name] = (value, origin)
            continue
        secret = name.removesuffix(FILE_SUFFIX)
        if secret == name or not names.get(secret):
            raise UsageError(_unknown(name, origin))
        if secret in values:
            raise UsageError(f"{origin}: {secret} and {name} exclude each other")
        found[secret] = (_secret_of(Path(str(value))), f"{origin}, from {value}")
    return found


def _secret_of(path: Path) -> str:
    """Return the secret that a file holds, without the end of its line. Raises InputError."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_SECRET_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: holds no text") from None
    if len(data) > _MOST_SECRET_BYTES or not text.strip():
        raise InputError(f"{path}: holds no secret: it is empty or has more than {_MOST_SECRET_BYTES:,} bytes")
    return text.strip("\r\n")


def _validated(given: Mapping[str, tuple[Any, str]]) -> Configuration:
    nested: dict[str, dict[str, Any]] = {}
    for name, (value, _) in given.items():
        section, _, key = name.partition(".")
        nested.setdefault(section, {})[key] = value
    try:
        return Configuration(**nested)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = [str(part) for part in first["loc"]]
        name = next((one for one in (".".join(place[:2]), ".".join(place)) if one in given), ".".join(place))
        raise UsageError(f"{given.get(name, (None, _DEFAULT))[1]}: {name}: {first['msg']}") from None


def _reached(configuration: Configuration, name: str) -> Any:
    value: Any = configuration
    for part in name.split("."):
        value = getattr(value, part)
    return value
