"""The models that the server has: the one in the package and those in its folder; one of them is active."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final

from netsift.errors import InputError
from netsift.files import whole_file
from netsift.models.bundle import Bundle, parse_bundle, read_model_file
from netsift.models.signing import trusted_key
from netsift.web.prediction import Predictor

SUFFIX: Final = ".netsift"
MOST_MODELS: Final = 200
DEFAULT: Final = "default.netsift"
_DIGITS: Final = 16


@dataclass(frozen=True)
class ShelfModel:
    """A model file that was opened and checked; ``id`` is the beginning of the SHA-256 of the file."""

    id: str
    path: Path
    size_bytes: int
    bundle: Bundle

    @cached_property
    def predictor(self) -> Predictor:
        """What scores single rows with the model."""
        return Predictor(self.bundle)


class ModelShelf:
    """Model files of the package, of a folder, and one named by the user; opened once for every change of a file.

    A file that cannot be trusted is left out; ``refused`` says why, by the file's name.
    """

    def __init__(self, folder: Path, chosen: Path | None = None) -> None:
        """Look at the files in ``folder``, which need not be there; ``chosen`` is active until another is activated.

        Raises:
            InputError: the chosen model cannot be opened.
        """
        self._folder, self._choice = folder, folder / "active"
        self._packaged = Path(str(files("netsift.models") / DEFAULT))
        self._named = chosen
        self._opened: dict[Path, tuple[tuple[int, int], ShelfModel]] = {}
        self._lock = threading.Lock()
        self.refused: dict[str, str] = {}
        if chosen is not None:
            self._open(chosen)

    def models(self) -> list[ShelfModel]:
        """Return all models that can be opened, the package's own first."""
        with self._lock:
            self.refused = {}
            found: dict[str, ShelfModel] = {}
            for path in self._paths():
                try:
                    model = self._open(path)
                except InputError as error:
                    self.refused[path.name] = str(error).removeprefix(f"{path}: ")
                else:
                    found.setdefault(model.id, model)
            return list(found.values())

    def get(self, wanted: str) -> ShelfModel | None:
        """Return a model by its id."""
        return next((model for model in self.models() if model.id == wanted), None)

    def active(self) -> ShelfModel:
        """Return the model that scores now: the one last activated if it is still there, else the named one."""
        with self._lock:
            for path in (self._activated(), self._named):
                if path is not None:
                    try:
                        return self._open(path)
                    except InputError as error:
                        self.refused[path.name] = str(error)
            return self._open(self._packaged)

    def activate(self, model: ShelfModel) -> None:
        """Let a model score from now on, also after a restart. Raises OutputError when that cannot be kept."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self._choice) as temporary:
            temporary.write_text(model.path.name + "\n", encoding="utf-8")

    def _activated(self) -> Path | None:
        try:
            name = self._choice.read_text(encoding="utf-8")[:300].strip()
        except (OSError, UnicodeDecodeError):
            return None
        return next((path for path in self._paths() if path.name == name), None)

    def _paths(self) -> list[Path]:
        own = sorted(self._folder.glob(f"*{SUFFIX}"))[:MOST_MODELS] if self._folder.is_dir() else []
        return [self._packaged, *([self._named] if self._named is not None else []), *own]

    def _open(self, path: Path) -> ShelfModel:
        try:
            status = path.stat()
        except OSError as error:
            raise InputError(f"{path}: the model cannot be read: {error.strerror or error}") from error
        version = (status.st_mtime_ns, status.st_size)
        known = self._opened.get(path)
        if known is not None and known[0] == version:
            return known[1]
        content = read_model_file(path)
        bundle = parse_bundle(content, trusted_key(None))
        model = ShelfModel(hashlib.sha256(content).hexdigest()[:_DIGITS], path, len(content), bundle)
        self._opened[path] = (version, model)
        return model
