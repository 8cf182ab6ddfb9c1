"""The same build as two requests: a job run of EMR Serverless, and a cluster on EC2 that ends by itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from batch.emr.capacity import Capacity
from batch.emr.packaging import MOUNT
from batch.emr.release import RELEASE
from batch.emr.stack import Stack

MACHINES = ("m5.xlarge", "m5a.xlarge", "m6i.xlarge", "m6a.xlarge")
"""Of 4 cores and 16 GB each; several kinds, so that Spot finds one that is plentiful."""
IDLE_S = 300
_SPOT_WAIT_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Job:
    """A build that is ready to be sent.

    Attributes:
        stack: where it runs.
        entry_point, archive: s3:// addresses of what was uploaded.
        arguments: of `python -m batch`.
        capacity: what it runs on.
        timeout_minutes: after which EMR Serverless stops it.
    """

    stack: Stack
    entry_point: str
    archive: str
    arguments: tuple[str, ...]
    capacity: Capacity
    timeout_minutes: int

    @property
    def name(self) -> str:
        """Name that two equal builds share, so that a second submission finds the first."""
        content = json.dumps([self.entry_point, self.archive, *self.arguments, dict(self.capacity.settings)])
        return f"{self.stack.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def job_run(job: Job) -> dict[str, Any]:
    """Write the whole request for `emr-serverless start_job_run`."""
    token = uuid4().hex
    settings = {
        **job.capacity.settings,
        "spark.archives": f"{job.archive}#{MOUNT}",
        "spark.emr-serverless.driverEnv.PYTHONPATH": f"./{MOUNT}",
        "spark.executorEnv.PYTHONPATH": f"./{MOUNT}",
    }
    return {
        "applicationId": job.stack.application,
        "clientToken": token,
        "name": job.name,
        "executionRoleArn": job.stack.job_role,
        "mode": "BATCH",
        "retryPolicy": {"maxAttempts": 1},
        "executionTimeoutMinutes": job.timeout_minutes,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": job.entry_point,
                "entryPointArguments": list(job.arguments),
                # One string that AWS takes apart at its blanks; no value of ours has one.
                "sparkSubmitParameters": " ".join(_options(settings)),
            }
        },
        "configurationOverrides": {
            "monitoringConfiguration": {
                "cloudWatchLoggingConfiguration": {
                    "enabled": True,
                    "logGroupName": job.stack.log_group,
                    "logStreamNamePrefix": f"{job.name}-{token[:8]}",
                    "logTypes": {
                        "SPARK_DRIVER": ["STDOUT", "STDERR"],
                        "SPARK_EXECUTOR": ["STDOUT", "STDERR"],
                    },
                },
                # AWS would keep a second copy of the logs for 30 days otherwise.
                "managedPersistenceMonitoringConfiguration": {"enabled": False},
            }
        },
        "tags": {"project": "fruits"},
    }


def cluster(job: Job, subnets: tuple[str, ...] = ()) -> dict[str, Any]:
    """Write the whole request for `emr run_job_flow`.

    Args:
        job: the build.
        subnets: to choose one from; those of the default VPC if none.
    """
    settings = {
        **job.capacity.settings,
        "spark.archives": f"{job.archive}#{MOUNT}",
        "spark.yarn.appMasterEnv.PYTHONPATH": f"./{MOUNT}",
        "spark.executorEnv.PYTHONPATH": f"./{MOUNT}",
    }
    step = ["spark-submit", "--deploy-mode", "cluster", *_options(settings), job.entry_point, *job.arguments]
    return {
        "Name": job.name,
        "ReleaseLabel": RELEASE,
        "LogUri": f"s3://{job.stack.bundle_bucket}/logs/",
        "Applications": [{"Name": "Spark"}],
        "ServiceRole": job.stack.cluster_role,
        "JobFlowRole": job.stack.node_profile,
        "VisibleToAllUsers": True,
        "Instances": {
            "InstanceFleets": [
                _fleet("MASTER", on_demand=1),
                # The driver runs here, on a machine that Spot cannot take back.
                _fleet("CORE", on_demand=1),
                _fleet("TASK", spot=job.capacity.executors),
            ],
            "KeepJobFlowAliveWhenNoSteps": False,
            "TerminationProtected": False,
            **({"Ec2SubnetIds": list(subnets)} if subnets else {}),
        },
        # The one above ends a cluster whose step is over, this one a cluster that waits for no matter what.
        "AutoTerminationPolicy": {"IdleTimeout": IDLE_S},
        "Configurations": [
            {
                "Classification": "yarn-site",
                "Properties": {
                    "yarn.node-labels.enabled": "true",
                    "yarn.node-labels.am.default-node-label-expression": "CORE",
                },
            }
        ],
        "Steps": [
            {
                "Name": "build",
                "ActionOnFailure": "TERMINATE_CLUSTER",
                "HadoopJarStep": {"Jar": "command-runner.jar", "Args": step},
            }
        ],
        "Tags": [
            {"Key": "project", "Value": "fruits"},
            # Without it the managed policy of EMR's role touches nothing.
            {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"},
        ],
    }


def _fleet(kind: str, on_demand: int = 0, spot: int = 0) -> dict[str, Any]:
    fleet: dict[str, Any] = {
        "Name": kind.lower(),
        "InstanceFleetType": kind,
        "TargetOnDemandCapacity": on_demand,
        "TargetSpotCapacity": spot,
        "InstanceTypeConfigs": [
            {"InstanceType": machine, "WeightedCapacity": 1, **(_NEVER_DEARER if spot else {})}
            for machine in MACHINES
        ],
    }
    if spot:
        fleet["LaunchSpecifications"] = {
            "SpotSpecification": {
                "AllocationStrategy": "price-capacity-optimized",
                "TimeoutDurationMinutes": _SPOT_WAIT_MINUTES,
                "TimeoutAction": "SWITCH_TO_ON_DEMAND",
            }
        }
    return fleet


_NEVER_DEARER = {"BidPriceAsPercentageOfOnDemandPrice": 100.0}


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
