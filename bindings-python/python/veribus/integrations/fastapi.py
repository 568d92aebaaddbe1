"""FastAPI and Starlette: `app.add_middleware(VeribusMiddleware)`."""

from __future__ import annotations

from .asgi import VeribusMiddleware

__all__ = ["VeribusMiddleware"]
