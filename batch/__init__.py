"""The offline layer: PySpark turns a corpus of photographs into a bundle that the API serves."""
