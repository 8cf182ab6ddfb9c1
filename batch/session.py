"""Starts Spark the same way on a laptop, on a standalone cluster and inside a job that a cluster has already
started.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import IO

from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from batch.java import ensure_java
from models.errors import SettingsError

_PROJECT = Path(__file__).resolve().parent.parent
_LOGGING = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.console.type = Console
appender.console.name = stderr
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
"""
# A projection's last bit may follow from the number of rows in a batch: the same for every session, also one
# that a cluster has set up.
_SQL_SETTINGS = {
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4096",
    "spark.sql.execution.arrow.maxBytesPerBatch": "64m",
}


def start_session(
    master: str = "local[*]",
    app: str = "fruits",
    *,
    driver_memory: str = "2g",
    bundled_java: bool = False,
    verbose: bool = False,
) -> SparkSession:
    """Return a quiet Spark session.

    Inside a job that was started by `spark-submit` (EMR), or with a session already running, that one is
    taken and `master` and `driver_memory` have no say.

    Args:
        master: `local[*]`, `local[2]`, `spark://host:7077`.
        app: name shown by the cluster.
        driver_memory: heap of the driver's JVM, such as `2g`; in local mode the executors live in it too.
        bundled_java: pass over the system's Java.
        verbose: let the JVM write to this process' standard error; else that is kept for error messages only.

    Raises:
        SettingsError: no Java, or a Spark that does not start.
    """
    if SparkSession.getActiveSession() is not None or "PYSPARK_GATEWAY_PORT" in os.environ:
        session = SparkSession.builder.appName(app).getOrCreate()
    else:
        os.environ["JAVA_HOME"] = str(ensure_java(bundled=bundled_java))
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        session = _launch(_configuration(master, app, driver_memory), verbose)
    session.sparkContext.setLogLevel("ERROR")
    for name, value in _SQL_SETTINGS.items():
        session.conf.set(name, value)
    return session


def _configuration(master: str, app: str, driver_memory: str) -> SparkConf:
    """Everything that must be fixed before the JVM starts."""
    scratch = Path(tempfile.gettempdir())
    conf = SparkConf().setMaster(master).setAppName(app)
    conf.set("spark.driver.memory", driver_memory)
    conf.set("spark.ui.enabled", "false")
    conf.set("spark.ui.showConsoleProgress", "false")
    conf.set("spark.log.structuredLogging.enabled", "false")
    conf.set("spark.sql.catalogImplementation", "in-memory")
    conf.set("spark.sql.warehouse.dir", (scratch / "fruits-spark-warehouse").as_uri())
    conf.set("spark.sql.shuffle.partitions", "16")
    conf.set("spark.executorEnv.PYTHONPATH", _with_project(os.environ.get("PYTHONPATH", "")))
    conf.set("spark.executorEnv.OMP_NUM_THREADS", "1")
    if master.startswith("local") or "//localhost" in master or "//127." in master:
        conf.set("spark.driver.host", "127.0.0.1")
        conf.set("spark.driver.bindAddress", "127.0.0.1")
    return conf


def _with_project(python_path: str) -> str:
    """Let Python workers on this machine import `batch` and `models` wherever the driver was started."""
    return os.pathsep.join([str(_PROJECT), *filter(None, [python_path])])


def _launch(conf: SparkConf, verbose: bool) -> SparkSession:
    """Start the JVM with its standard error kept aside, then a session on it."""
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory(prefix="fruits-spark-") as folder:
        logging = Path(folder, "log4j2.properties")
        logging.write_text(_LOGGING, "utf-8")
        conf.set("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={logging.as_uri()}")
        try:
            gateway = None
            if SparkContext._gateway is None:
                gateway = launch_gateway(conf, {} if verbose else {"stderr": errors})
            return SparkSession(SparkContext(conf=conf, gateway=gateway))
        except (PySparkRuntimeError, Py4JError, OSError) as error:
            raise SettingsError(f"Spark did not start: {_reason(error, errors)}") from error


def _reason(error: BaseException, log: IO[bytes]) -> str:
    """Say in one line what went wrong: what Java raised, or else what the JVM printed before it ended."""
    if isinstance(error, Py4JJavaError):
        return str(error.java_exception).split("\n", 1)[0]
    log.seek(0)
    lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if "Exception" in line or "rror: " in line]
    return (telling or lines[-1:] or str(error).strip().splitlines() or ["no reason given"])[0]
