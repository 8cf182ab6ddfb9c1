"""Builds bundles by the classic recipe: ImageNet's MobileNetV2, 50 PCA components, 1 nearest neighbour."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.table import ROOT

FEATURE_TENSOR = "mobilenetv2_1.00_224/global_average_pooling2d/Mean"
COMPONENTS, NEIGHBOURS = 50, 1


@dataclass(frozen=True)
class ClassicRecipe:
    """Where the recipe works.

    Attributes:
        network: int8 MobileNetV2 with ImageNet's weights.
        work: folder for stores and features, kept from run to run.
    """

    network: Path
    work: Path

    def store(self, name: str, corpora: Sequence[Path]) -> Path:
        """Build a store from corpora, unless the same code has built it from the same photos already."""
        folder, stamp = self.work / name, self.work / f"{name}.stamp"
        wanted = self._fingerprint(corpora)
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            print(f"{name}: kept from an earlier run")
            return folder
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "batch", "build", "--store", str(folder)]
        command += [word for corpus in corpora for word in ("--corpus", str(corpus))]
        command += ["--features", str(self.work / "features")]
        command += ["--network", str(self.network), "--feature-tensor", FEATURE_TENSOR]
        command += ["--components", str(COMPONENTS), "--neighbours", str(NEIGHBOURS)]
        print(f"{name}: python {' '.join(command[1:])}", flush=True)
        subprocess.run(command, cwd=ROOT, check=True)
        stamp.write_text(wanted, encoding="utf-8")
        return folder

    def _fingerprint(self, corpora: Sequence[Path]) -> str:
        """Hash the photos' names, sizes and places, the network and the code."""
        digest = hashlib.sha256(self.network.read_bytes())
        for corpus in corpora:
            files = sorted(path for path in corpus.rglob("*") if path.is_file())
            digest.update("\n".join(f"{path} {path.stat().st_size}" for path in files).encode())
        for code in sorted(
            path for package in ("batch", "models") for path in (ROOT / package).rglob("*.py")
        ):
            digest.update(code.read_bytes())
        return digest.hexdigest()
