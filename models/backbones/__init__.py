"""Keras networks, their training and their export to LiteRT: the only place that imports TensorFlow."""
