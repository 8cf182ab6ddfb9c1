"""How gunicorn serves tests/bench/keras_api.py: with as many workers and threads as the API has."""

workers = 2
threads = 16
# TensorFlow alone may take longer to load than gunicorn's usual 30 seconds.
timeout = 300
