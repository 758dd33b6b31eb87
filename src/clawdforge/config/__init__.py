"""Settings: frozen, checked, units in their names; flags > environment > file > defaults.

The only room that reads the environment. It hands everything on as values.
"""

from clawdforge.config.folders import (
    ADMIN_TOKEN_FILE,
    LEDGER_FILE,
    LOCAL_TOKEN_FILE,
    SERVER_FILE,
    default_config_file,
    default_data_dir,
    make_private_folder,
    read_private_file,
    write_private_file,
)
from clawdforge.config.load import Effective, Origin, environment, load_settings
from clawdforge.config.settings import PermissionMode, Settings
from clawdforge.config.tables import AgentSettings, McpServerSettings, SecretSettings

__all__ = [
    "ADMIN_TOKEN_FILE",
    "LEDGER_FILE",
    "LOCAL_TOKEN_FILE",
    "SERVER_FILE",
    "AgentSettings",
    "Effective",
    "McpServerSettings",
    "Origin",
    "PermissionMode",
    "SecretSettings",
    "Settings",
    "default_config_file",
    "default_data_dir",
    "environment",
    "load_settings",
    "make_private_folder",
    "read_private_file",
    "write_private_file",
]
