"""What gunicorn serves: `gateway.wsgi:app`. Its threads are started by gateway.gunicorn, after the fork."""

from chassis.settings import settings
from gateway.app import create_app
from gateway.state import build

parts = build(settings())
app = create_app(parts)
