"""What Piccolo's migrations look for (`PICCOLO_CONF=engine.store.piccolo_conf`)."""

from piccolo.conf.apps import AppRegistry

from engine.store.database import DATABASE as DB

APP_REGISTRY = AppRegistry(apps=["engine.store.piccolo_app"])

__all__ = ["APP_REGISTRY", "DB"]
