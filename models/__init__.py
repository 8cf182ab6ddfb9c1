"""The kernel: photo bytes in, answer out. Knows neither Flask nor Spark nor the environment."""
