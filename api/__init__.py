"""The online layer: a Flask application that answers photos from one bundle."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from api import (
    compression,
    cors,
    docs,
    fruits,
    health,
    identify,
    pages,
    privacy,
    problems,
    rate_limit,
    request_log,
    uploads,
)
from api.cores import Cores, slots_per_worker
from api.live_bundle import LiveBundle, live_bundle
from api.metrics import Metrics
from api.openapi import FruitsAPI
from api.service import KEY, Service
from api.settings import Settings

FIRST_LOAD_S = 20.0


def create_app(settings: Settings | None = None, live: LiveBundle | None = None) -> Flask:
    """Make the application and start loading its bundle.

    Threads are started here, so call it after a fork. It returns after the first try to load a bundle or
    after 20 seconds; without a bundle the application answers 503 until one is there.

    Args:
        settings: the defaults if None; `Settings.from_environ()` reads the environment.
        live: another source of bundles than the settings name, already started or not to be.
    """
    settings = settings or Settings()
    if live is None:
        live = live_bundle(settings)
        live.start(wait_s=FIRST_LOAD_S)
    cores = Cores(slots_per_worker(settings.workers), settings.queue, settings.queue_timeout_s)
    app = FruitsAPI(__name__)
    metrics = Metrics() if settings.metrics_address else None
    if metrics:
        metrics.follow(live)
    app.extensions[KEY] = Service(settings, live, cores, metrics)
    # What goes through every answer; the first one here has the last word.
    request_log.install(app, metrics)
    compression.install(app)
    if settings.origins:
        cors.install(app, settings.origins)
    uploads.install(app, settings)
    problems.install(app)
    if settings.rate:
        rate_limit.install(app, settings.rate.share(settings.workers))
    for module in (identify, fruits, privacy, health, docs, pages):
        app.register_api(module.blueprint)
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n)  # type: ignore[method-assign]
    return app
