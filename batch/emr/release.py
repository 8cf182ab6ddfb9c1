"""The EMR release that builds run on, and what it contains; a test holds the pins and the stack to it."""

RELEASE = "emr-spark-8.1.0"
SPARK = "4.1.1"
PYTHON = "3.11"
ARCHITECTURE = "x86_64"
