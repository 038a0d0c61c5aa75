"""Settings: read once at the edge from flags and `HAECHI_*` variables, then passed on as arguments."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Limits(BaseSettings):
    """What one untrusted file may cost. Exceeding a limit is an error for that file only."""

    model_config = SettingsConfigDict(env_prefix="HAECHI_LIMIT_", frozen=True)

    max_bytes: int = Field(default=64 * 1024**3, description="largest file that is opened, bytes")
    max_pixels: int = Field(default=120_000_000, description="largest picture that is decoded, pixels")
    max_duration_s: float = Field(default=6 * 3600.0, description="longest video or audio that is decoded, seconds")
    max_memory_bytes: int = Field(
        default=1_200_000_000, description="memory of the decoding child, bytes; to encode takes more"
    )
    stall_s: float = Field(default=30.0, description="longest wait for the next decoded frame, seconds")


class Settings(BaseSettings):
    """Where the state lives and what a file may cost."""

    model_config = SettingsConfigDict(env_prefix="HAECHI_", frozen=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("haechi")))
    models: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("haechi")) / "models",
        description="folder of pulled model weights",
    )
    tsa: str = Field(
        default="local:", description="time stamp authorities to ask, URIs with blanks between; local: is our own"
    )
    notice_cap: int = Field(default=30, ge=1, description="most notices that go out a day (UTC)")
    chromium: Path | None = Field(default=None, description="browser for captures; looked for on the path when None")
    places: str = Field(default="", description="second places of checkpoints, URIs with blanks between")
    smtp: str = Field(default="", description="mail server, smtps://HOST or smtp://HOST:587")
    smtp_from: str = Field(default="", description="address that our mail is from")
    smtp_user: str = Field(default="", description="name to sign in at the mail server with")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="password at the mail server")
    notice_key: str = Field(default="", description="key that signs notices inside their PDF, a URI")
    notice_chain: Path | None = Field(default=None, description="certificates of that key, PEM, the signer's first")
    notice_passphrase_file: Path | None = Field(default=None, description="file with the passphrase of a PKCS#12 key")
    limits: Limits = Field(default_factory=Limits)
