"""How many machines a build takes on AWS and how Spark shares them out for embedding photos.

Each core of an executor has a Python worker with the network, its inference and a batch of decoded photos,
all outside the JVM; so most of an executor's memory is overhead in Spark's words, and the heap stays small.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import SettingsError

_SETTINGS = {
    "spark.task.cpus": "1",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.shuffle.partitions": "16",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4096",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.executorIdleTimeout": "60s",
}


@dataclass(frozen=True, slots=True)
class Capacity:
    """One driver and a number of equal executors, each of a size that EMR Serverless has.

    Attributes:
        executors: at most.
        driver_vcpu, executor_vcpu: cores of each.
        driver_heap_gb, executor_heap_gb: memory of the JVM.
        driver_python_gb, executor_python_gb: memory of what runs beside it.
    """

    executors: int = 3
    driver_vcpu: int = 4
    driver_heap_gb: int = 4
    driver_python_gb: int = 12
    executor_vcpu: int = 4
    executor_heap_gb: int = 4
    executor_python_gb: int = 8

    def __post_init__(self) -> None:
        """Refuse a build without executors."""
        if self.executors < 1:
            raise SettingsError(f"Expected 1 executor or more, got {self.executors}.")

    @property
    def vcpu(self) -> int:
        """Of driver and executors together."""
        return self.driver_vcpu + self.executors * self.executor_vcpu

    @property
    def memory_gb(self) -> int:
        """Of driver and executors together."""
        executor_gb = self.executor_heap_gb + self.executor_python_gb
        return self.driver_heap_gb + self.driver_python_gb + self.executors * executor_gb

    @property
    def settings(self) -> Mapping[str, str]:
        """What Spark is told, whole each time: what is left out would come from the release's defaults."""
        return {
            "spark.driver.cores": str(self.driver_vcpu),
            "spark.driver.memory": f"{self.driver_heap_gb}g",
            "spark.driver.memoryOverhead": f"{self.driver_python_gb}g",
            "spark.executor.cores": str(self.executor_vcpu),
            "spark.executor.memory": f"{self.executor_heap_gb}g",
            "spark.executor.memoryOverhead": f"{self.executor_python_gb}g",
            "spark.executor.instances": str(self.executors),
            "spark.dynamicAllocation.initialExecutors": str(self.executors),
            "spark.dynamicAllocation.maxExecutors": str(self.executors),
            **_SETTINGS,
        }


SERVERLESS = Capacity()
# A machine of 16 GB lends YARN 12.
EC2 = Capacity(driver_heap_gb=4, driver_python_gb=6, executor_heap_gb=4, executor_python_gb=6)
