"""Put the pinned Solidity compiler at `.cache/solcx/solc-v<version>`, where py-solc-x, Ape and forge look for it.

In this order: a native compiler already on this machine, py-solc-x's download, the npm package's WebAssembly behind
`scripts/solc`. The folder is the project's own, so the fallback never shadows a real compiler elsewhere.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "solcx"
VERSION: str = json.loads((ROOT / "package.json").read_text())["dependencies"]["solc"]
DOWNLOAD_SECONDS = 60


def version_of(binary: Path) -> str:
    """What `binary --version` says, or an empty string when it does not run."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def is_wanted(binary: Path) -> bool:
    return f"Version: {VERSION}+" in version_of(binary)


def installed() -> Path | None:
    """A native compiler of the pinned version: on PATH, or downloaded earlier by py-solc-x or by svm (forge)."""
    on_path = shutil.which("solc")
    candidates = [
        Path(on_path) if on_path else None,
        Path.home() / ".solcx" / f"solc-v{VERSION}",
        Path.home() / ".svm" / VERSION / f"solc-{VERSION}",
        Path.home() / ".local" / "share" / "svm" / VERSION / f"solc-{VERSION}",
    ]
    return next((path for path in candidates if path and path.is_file() and is_wanted(path)), None)


def downloaded(target: Path) -> bool:
    """Let py-solc-x download the compiler; false in a closed network."""
    code = f"import solcx; solcx.install_solc('{VERSION}', solcx_binary_path='{FOLDER}')"
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and is_wanted(target)


def main() -> int:
    target = FOLDER / f"solc-v{VERSION}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not is_wanted(target):
        target.unlink(missing_ok=True)
        if native := installed():
            target.symlink_to(native)
        elif not downloaded(target):
            target.unlink(missing_ok=True)
            target.symlink_to(ROOT / "scripts" / "solc")
    if not is_wanted(target):
        print(
            f"no Solidity compiler {VERSION}: not installed, not downloadable, and npm's does not run", file=sys.stderr
        )
        return 1
    print(f"solc {version_of(target).rsplit('Version: ')[-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
