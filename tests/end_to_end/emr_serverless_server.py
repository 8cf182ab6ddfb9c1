"""Stands in for EMR Serverless: every request is checked against AWS's own description of the service, and
a job run is really run, by spark-submit on a standalone cluster, with nothing installed but what the job
brings.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
import pytest
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

from batch.emr.release import PYTHON, RELEASE
from batch.java import ensure_java
from examples.cluster import SPARK_HOME
from tests.s3_server import REGION

APPLICATION = "00f0rehearsal"
DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."
RUN_TIMEOUT_S = 1_500
PASSED_ON = re.compile(r"AWS_|NO_PROXY$|PATH$")


@dataclass
class EmrServerless:
    """One application that runs jobs one after another.

    Attributes:
        application: as `get_application` describes it.
        s3: boto3 client to fetch what was uploaded with.
        master: of the standalone cluster.
        python: that drivers and executors run, with no package of its own.
        folder: for runs.
        runs: by id, as `get_job_run` describes them.
    """

    application: dict[str, Any]
    s3: Any
    master: str
    python: Path
    folder: Path
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    @cached_property
    def operations(self) -> list[OperationModel]:
        """Every operation that AWS describes."""
        model = botocore.session.get_session().get_service_model("emr-serverless")
        return [model.operation_model(name) for name in model.operation_names]

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Check a request and carry it out."""
        address = urlsplit(target)
        for operation in self.operations:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"])
            found = re.fullmatch(pattern, address.path)
            if found and operation.http["method"] == method:
                named = {name: unquote(value) for name, value in found.groupdict().items()}
                given = {**named, **_query(operation, address.query), **json.loads(body or b"{}")}
                faults = _faults(given, operation.input_shape)
                if faults:
                    return 400, {"__type": "ValidationException", "message": "; ".join(faults)}
                return self._carry_out(operation.name, given)
        return 404, {"__type": "ResourceNotFoundException", "message": f"no operation {method} {target}"}

    def _carry_out(self, operation: str, given: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        if given["applicationId"] != self.application["applicationId"]:
            return 404, {"__type": "ResourceNotFoundException", "message": "no such application"}
        if operation == "GetApplication":
            return 200, {"application": self.application}
        if operation == "StopApplication":
            if any(run["state"] == "RUNNING" for run in self.runs.values()):
                return 400, {"__type": "ValidationException", "message": "a job run is under way"}
            self.application["state"] = "STOPPED"
            return 200, {}
        if operation == "ListJobRuns":
            wanted = given.get("states") or [run["state"] for run in self.runs.values()]
            return 200, {"jobRuns": [_summary(run) for run in self.runs.values() if run["state"] in wanted]}
        if operation == "StartJobRun":
            return 200, self._start(given)
        if operation == "GetJobRun" and given["jobRunId"] in self.runs:
            return 200, {"jobRun": self.runs[given["jobRunId"]]}
        return 404, {"__type": "ResourceNotFoundException", "message": f"nothing to {operation}"}

    def _start(self, given: Mapping[str, Any]) -> dict[str, Any]:
        number = f"00r{len(self.runs):09d}"
        now = datetime.now(UTC).timestamp()
        run = {
            "applicationId": given["applicationId"],
            "jobRunId": number,
            "name": given.get("name", ""),
            "arn": f"arn:aws:emr-serverless:eu-west-3:123456789012:/applications/1/jobruns/{number}",
            "createdBy": "arn:aws:iam::123456789012:user/rehearsal",
            "createdAt": now,
            "updatedAt": now,
            "executionRole": given["executionRoleArn"],
            "state": "RUNNING",
            "stateDetails": "",
            "releaseLabel": self.application["releaseLabel"],
            "configurationOverrides": given.get("configurationOverrides", {}),
            "jobDriver": given["jobDriver"],
            "tags": given.get("tags", {}),
        }
        self.runs[number] = run
        self.application["state"] = "STARTED"
        thread = threading.Thread(target=self._run, args=(run, self.folder / number), daemon=True)
        self.threads.append(thread)
        thread.start()
        return {name: run[name] for name in ("applicationId", "jobRunId", "arn")}

    def _run(self, run: dict[str, Any], folder: Path) -> None:
        try:
            code = self._submit(run["jobDriver"]["sparkSubmit"], folder)
            run["stateDetails"] = "" if code == 0 else (folder / "driver.log").read_text()[-4_000:]
            run["state"] = "SUCCESS" if code == 0 else "FAILED"
        except Exception as error:  # noqa: BLE001 a run that cannot start has failed, and says why
            run["stateDetails"], run["state"] = repr(error), "FAILED"

    def _submit(self, driver: Mapping[str, Any], folder: Path) -> int:
        """Run the spark-submit line of a job as EMR Serverless does, its archive unpacked for the driver."""
        folder.mkdir(parents=True)
        options = shlex.split(driver["sparkSubmitParameters"])
        settings = dict(value.split("=", 1) for flag, value in pairwise(options) if flag == "--conf")
        archive, _, mount = settings["spark.archives"].partition("#")
        local = self._download(archive, folder)
        (folder / mount).mkdir()
        subprocess.run(["tar", "-xzf", local, "-C", folder / mount], check=True)
        # This Spark has no s3:// of its own; all else of the line stays as it was sent.
        options = [option.replace(archive, str(local)) for option in options]
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", self.master, *self._here(), *options]
        command += [str(self._download(driver["entryPoint"], folder)), *driver["entryPointArguments"]]
        environment = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        environment |= {
            "JAVA_HOME": str(ensure_java()),
            "SPARK_HOME": str(SPARK_HOME),
            "PYSPARK_PYTHON": str(self.python),
        } | {
            name.removeprefix(DRIVER_ENVIRONMENT): value
            for name, value in settings.items()
            if name.startswith(DRIVER_ENVIRONMENT)
        }
        with (folder / "driver.log").open("wb") as log, (folder / "stdout").open("wb") as out:
            return subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdout=out,
                stderr=log,
                timeout=RUN_TIMEOUT_S,
                check=False,
            ).returncode

    @staticmethod
    def _here() -> Sequence[str]:
        """Give what EMR sets itself: where the driver is, and where executors keep no more than it wants."""
        settings = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        settings["spark.ui.enabled"] = "false"
        return [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]

    def _download(self, uri: str, folder: Path) -> Path:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        path = folder / key.rpartition("/")[2]
        self.s3.download_file(bucket, key, str(path))
        return path


def started_application() -> dict[str, Any]:
    """Describe an application as the template makes it."""
    return {
        "applicationId": APPLICATION,
        "arn": f"arn:aws:emr-serverless:{REGION}:123456789012:/applications/{APPLICATION}",
        "releaseLabel": RELEASE,
        "type": "Spark",
        "state": "STARTED",
        "createdAt": 0,
        "updatedAt": 0,
        "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": 5},
        "maximumCapacity": {"cpu": "16 vCPU", "memory": "64 GB"},
    }


def own_python() -> str:
    """Give the Python below the virtual environment, of the release's version, or skip."""
    if ".".join(map(str, sys.version_info[:2])) != PYTHON:
        pytest.skip(f"needs Python {PYTHON}, the one of the EMR release")
    return str(getattr(sys, "_base_executable", sys.executable))


def empty_python(base: str, folder: Path) -> Path:
    """Make an environment of a Python without a single package."""
    subprocess.run([base, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


@contextmanager
def serving(service: EmrServerless) -> Iterator[str]:
    """Serve on a free port of the loopback; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = service.answer(self.command, self.path, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status != 200:
                self.send_header("x-amzn-ErrorType", content["__type"])
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 http.server's own names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _query(operation: OperationModel, text: str) -> dict[str, Any]:
    """Read query parameters under the names and types of the service."""
    given: dict[str, Any] = {}
    for name, values in parse_qs(text).items():
        shape = operation.input_shape.members[name]
        given[name] = values if shape.type_name == "list" else values[0]
    return given


def _summary(run: Mapping[str, Any]) -> dict[str, Any]:
    names = ("applicationId", "name", "arn", "createdBy", "createdAt", "updatedAt", "executionRole", "state")
    return {name: run[name] for name in (*names, "stateDetails", "releaseLabel")} | {"id": run["jobRunId"]}


def _faults(given: Any, shape: Shape) -> list[str]:
    """Say what AWS would refuse: botocore's own check, then patterns, lengths and choices, which it leaves
    out.
    """
    report = ParamValidator().validate(given, shape)
    return (
        [report.generate_report()] if report.has_errors() else list(_finer_faults(given, shape, shape.name))
    )


def _finer_faults(value: Any, shape: Any, name: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for member, inner in value.items():
            yield from _finer_faults(inner, shape.members[member], f"{name}.{member}")
    elif shape.type_name == "list":
        for inner in value:
            yield from _finer_faults(inner, shape.member, f"{name}[]")
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from _finer_faults(key, shape.key, f"{name} key")
            yield from _finer_faults(inner, shape.value, f"{name}.{key}")
    elif shape.type_name == "string":
        limits = shape.metadata
        if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
            yield f"{name} has {len(value)} characters"
        if "pattern" in limits and not re.fullmatch(limits["pattern"], value, re.DOTALL):
            yield f"{name} is not of the form {limits['pattern']}: {value!r}"
        if shape.enum and value not in shape.enum:
            yield f"{name} is none of {shape.enum}: {value!r}"
