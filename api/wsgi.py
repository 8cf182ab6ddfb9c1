"""What gunicorn imports, in each worker after the fork: `gunicorn api.wsgi:app`."""

from api import create_app
from api.request_log import configure_logging
from api.settings import Settings

configure_logging()
app = create_app(Settings.from_environ())
