"""Runs one build as a process of its own and says what it cost: time, cores, memory, bytes that moved."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from models.manifest import MANIFEST
from tests.bench.table import ROOT

ROLES = ("jvm", "driver", "workers")
"""Spark's JVM, the Python process that drives it, and the Python processes that embed, sum and project."""

_SAMPLE_EVERY_S = 0.5
_STEP = re.compile(r"^\d\d:\d\d:\d\d (.+): ([\d.]+) s(?:, [\d,]+ photos/s)?, peak ([\d,]+) MB$")
_EVENTS = """\
spark.eventLog.enabled true
spark.eventLog.dir {folder}
spark.eventLog.compress false
spark.eventLog.rolling.enabled false
"""


@dataclass(frozen=True)
class StepCost:
    """A step of the build; the memory of all processes, where shared pages count once for each of them."""

    name: str
    seconds: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Traffic:
    """What the tasks of a build moved, in bytes.

    Attributes:
        shuffle_written, shuffle_read: from task to task.
        results: from tasks to the driver.
        stages: (name, tasks, shuffle bytes written, result bytes) of each stage, in order.
    """

    shuffle_written: int = 0
    shuffle_read: int = 0
    results: int = 0
    stages: tuple[tuple[str, int, int, int], ...] = ()


@dataclass(frozen=True)
class BuildCost:
    """What a build cost.

    Attributes:
        photos, cores: of the build.
        wall_s: from the start of the process to its end.
        cpu_s: of all its processes, by role and as `all`.
        peak_bytes: proportional set size (shared pages are divided among those that share them), by role at
            its own highest, and of `all` at one moment.
        steps: as the build told them.
        traffic: what moved.
        corpus_bytes, features_bytes: of the photos and of the feature store.
        files: bytes of each file of the bundle.
        index: kind, encoding, recall and rows, as the manifest has them.
    """

    photos: int
    cores: int
    wall_s: float
    cpu_s: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    steps: tuple[StepCost, ...]
    traffic: Traffic
    corpus_bytes: int
    features_bytes: int
    files: Mapping[str, int]
    index: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return asdict(self)


@dataclass
class ProcessWatch:
    """Samples processor time and memory of a process and all below it until the block ends."""

    root: psutil.Process
    peak_bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*ROLES, "all"), 0))
    _cpu_s: dict[int, tuple[str, float]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "ProcessWatch":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def cpu_s(self) -> dict[str, float]:
        """Give the processor time so far; a process that ended counts up to its last sample."""
        spent = dict.fromkeys((*ROLES, "all"), 0.0)
        for role, seconds in list(self._cpu_s.values()):
            spent[role] += seconds
            spent["all"] += seconds
        return {role: round(seconds, 2) for role, seconds in spent.items()}

    def _run(self) -> None:
        while not self._stop.wait(_SAMPLE_EVERY_S):
            self._sample()

    def _sample(self) -> None:
        held: Counter[str] = Counter()
        try:
            processes = [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in processes:
            try:
                role = _role(process, self.root)
                times = process.cpu_times()
                held[role] += process.memory_full_info().pss
                self._cpu_s[process.pid] = (role, times.user + times.system)
            except psutil.Error:  # it ended meanwhile
                continue
        for role, size in [*held.items(), ("all", held.total())]:
            self.peak_bytes[role] = max(self.peak_bytes[role], size)


def _role(process: psutil.Process, root: psutil.Process) -> str:
    if process == root:
        return "driver"
    return "workers" if "pyspark.daemon" in process.cmdline() else "jvm"


def measure_build(corpora: Sequence[Path], photos: int, cores: int, work: Path, *arguments: str) -> BuildCost:
    """Build a bundle under `work` on so many cores, and on no other ones.

    Args:
        corpora: folders of photos.
        photos: in them; fewer embedded ones are an error.
        cores: of `--master local[N]`; every process of the build is held to them.
        work: store, features and event log come here; what is there from an earlier build is reused.
        arguments: further ones of `python -m batch build`.
    """
    events, store = work / f"events-{time.time_ns()}", work / "store"
    events.mkdir(parents=True)
    (events / "spark-defaults.conf").write_text(_EVENTS.format(folder=events.as_uri()), "utf-8")
    command = [sys.executable, "-m", "batch", "build", "--master", f"local[{cores}]", "--store", str(store)]
    command += [part for folder in corpora for part in ("--corpus", str(folder))]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FRUITS_")}
    environ["SPARK_CONF_DIR"] = str(events)
    started = time.perf_counter()
    with held_to(cores):
        build = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
    assert build.stdout is not None
    with ProcessWatch(psutil.Process(build.pid)) as watch, build:
        lines: list[str] = []
        steps: list[StepCost] = []
        for line in build.stdout:
            lines.append(line.rstrip())
            steps += _steps(lines[-1], watch.cpu_s()["all"] - sum(step.cpu_s for step in steps))
    wall_s = time.perf_counter() - started
    assert build.returncode == 0, "\n".join(lines)
    bundle = store / lines[-1].strip()
    manifest = json.loads((bundle / MANIFEST).read_text("utf-8"))
    return BuildCost(
        photos=photos,
        cores=cores,
        wall_s=round(wall_s, 1),
        cpu_s=watch.cpu_s(),
        peak_bytes=dict(watch.peak_bytes),
        steps=tuple(steps),
        traffic=traffic_of(_event_lines(events)),
        corpus_bytes=sum(path.stat().st_size for folder in corpora for path in _files(folder)),
        features_bytes=sum(path.stat().st_size for path in _files(store / "features")),
        files={path.name: path.stat().st_size for path in _files(bundle)},
        index=manifest["index"],
    )


@contextmanager
def held_to(cores: int) -> Iterator[None]:
    """Let processes that are started in the block run on the first so many cores only."""
    there = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(there)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, there)


def traffic_of(lines: Iterable[str]) -> Traffic:
    """Add up an event log of Spark: one JSON object a line."""
    names: dict[int, str] = {}
    sums: dict[int, Counter[str]] = {}
    for line in lines:
        event = json.loads(line)
        if event["Event"] == "SparkListenerStageSubmitted":
            stage = event["Stage Info"]
            names[stage["Stage ID"]] = stage["Stage Name"].replace(f"{ROOT}/", "")
        if event["Event"] != "SparkListenerTaskEnd" or "Task Metrics" not in event:
            continue
        metrics = event["Task Metrics"]
        read, written = metrics["Shuffle Read Metrics"], metrics["Shuffle Write Metrics"]
        sums.setdefault(event["Stage ID"], Counter()).update(
            tasks=1,
            written=written["Shuffle Bytes Written"],
            read=read["Remote Bytes Read"] + read["Local Bytes Read"],
            results=metrics["Result Size"],
        )
    total = sum(sums.values(), Counter())
    stages = [(names[number], own["tasks"], own["written"], own["results"]) for number, own in sums.items()]
    return Traffic(total["written"], total["read"], total["results"], tuple(stages))


def _event_lines(events: Path) -> list[str]:
    (log,) = (path for path in events.iterdir() if path.name != "spark-defaults.conf")
    return log.read_text("utf-8").splitlines()


def _steps(line: str, cpu_s: float) -> list[StepCost]:
    said = _STEP.match(line)
    if said is None:
        return []
    return [StepCost(said[1], float(said[2]), round(cpu_s, 2), float(said[3].replace(",", "")))]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
