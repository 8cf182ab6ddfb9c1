# The API and the default bundle. No TensorFlow and no Spark: networks are trained and indexes built elsewhere.
#   docker build -t fruits .
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp -p 8000:8000 fruits
FROM python:3.13-slim

# Nothing is written while it runs; bundles of a store on S3 are kept under /tmp.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FRUITS_BIND=0.0.0.0:8000 \
    FRUITS_CACHE=/tmp/fruits/bundles

WORKDIR /app

# The packages first: they change less often than the code, and their layer is kept.
COPY requirements/api.txt requirements/models.txt requirements/constraints.txt requirements/
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: --requirement requirements/api.txt

COPY models models
COPY api api

USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['FRUITS_BIND'].rpartition(':')[2] + '/healthz', timeout=4)"]
CMD ["gunicorn", "--config", "api/gunicorn.conf.py", "api.wsgi:app"]
