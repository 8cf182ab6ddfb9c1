"""Builds on AWS: one stack, one job, priced before it starts. Everything here leaves Spark alone."""
