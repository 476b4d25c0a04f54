"""docs/verify/verify.py as the one who was given it runs it, and as a module where a process each time would take long."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).resolve().parents[2] / "docs" / "verify" / "verify.py"


def load_verifier() -> Any:
    """The program's names."""
    spec = importlib.util.spec_from_file_location("verify", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify = load_verifier()


def written(folder: Path, **documents: Any) -> list[str]:
    """Each document as a file, keys first."""
    for name, content in documents.items():
        text = content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))
        (folder / f"{name}.json").write_text(text)
    return [str(folder / f"{name}.json") for name in documents]


def holds(folder: Path, **documents: Any) -> bool:
    """Whether the program finds that everything holds."""
    with contextlib.redirect_stdout(io.StringIO()):
        return bool(verify.main(written(folder, **documents)) == 0)


def run(*names: str, folder: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    """The program by itself in a folder: no packages, nothing of ours, no environment."""
    command = [sys.executable, "-I", "-S", str(PROGRAM), *names]
    return subprocess.run(command, env={}, cwd=folder, capture_output=True, text=True, check=False)
