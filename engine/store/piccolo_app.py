"""Piccolo's description of the store: its tables and where their migrations lie."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from engine.store import tables

APP_CONFIG = AppConfig(
    app_name="keelyard",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=list(tables.ALL),
)
