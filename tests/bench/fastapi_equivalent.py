"""The same list of clusters, from the same table, as one would write it with FastAPI, SQLAlchemy and uvicorn.

Reads `BENCH_DATABASE_URL` and `BENCH_SECRET_KEY`. A baseline, nothing more.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ALGORITHM = "HS256"
SECRET_KEY = os.environ["BENCH_SECRET_KEY"]

database = create_async_engine(
    os.environ["BENCH_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=10
)
sessions = async_sessionmaker(database, expire_on_commit=False)
bearer = HTTPBearer()


class Base(DeclarativeBase):
    """Root of the mapped tables."""

    type_annotation_map = {dict[str, Any]: JSONB}  # noqa: RUF012 - SQLAlchemy's own way


class ClusterRow(Base):
    """The columns of the product's table that a list needs."""

    __tablename__ = "cluster"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str | None]
    spec: Mapped[dict[str, Any]]
    status: Mapped[str]
    kubernetes_version: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class Topology(BaseModel):
    """How many nodes of which role."""

    model_config = ConfigDict(from_attributes=True)
    ha: bool
    control_plane_count: int
    worker_count: int


class Components(BaseModel):
    """What runs on the nodes."""

    model_config = ConfigDict(from_attributes=True)
    cni: str
    ingress: str
    runtime: str
    kubernetes_version: str


class Cluster(BaseModel):
    """A cluster in a list."""

    id: UUID
    name: str
    description: str | None
    status: str
    kubernetes_version: str
    topology: Topology
    components: Components
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    """One page of clusters."""

    total: int
    page: int
    page_size: int
    total_pages: int
    data: list[Cluster]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Closes the pool at the end."""
    yield
    await database.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    """One database session per request."""
    async with sessions() as opened:
        yield opened


async def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    """The subject of a valid access token."""
    try:
        claims = jwt.decode(
            credentials.credentials,
            SECRET_KEY,
            algorithms=[ALGORITHM],
            options={"require": ["iss", "sub", "exp", "iat"]},
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "The access token is not valid.") from error
    subject: str = claims["sub"]
    return subject


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether it runs."""
    return {"status": "healthy"}


@app.get("/api/v1/clusters")
async def clusters(
    _: Annotated[str, Depends(caller)],
    database_session: Annotated[AsyncSession, Depends(session)],
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
    status_filter: Literal["pending", "provisioning", "running", "failed", "deleted", "all"] | None = None,
) -> Page:
    """One page of clusters, newest first."""
    chosen: list[ColumnElement[bool]] = []
    if status_filter != "all":
        chosen.append(
            ClusterRow.deleted_at.isnot(None)
            if status_filter == "deleted"
            else ClusterRow.deleted_at.is_(None)
        )
    if status_filter not in (None, "all", "deleted"):
        chosen.append(ClusterRow.status == status_filter)
    total = await database_session.scalar(select(func.count()).select_from(ClusterRow).where(*chosen)) or 0
    query = select(ClusterRow).where(*chosen).order_by(ClusterRow.created_at.desc(), ClusterRow.id.desc())
    rows = await database_session.scalars(query.offset((page - 1) * page_size).limit(page_size))
    return Page(
        total=total,
        page=page,
        page_size=page_size,
        total_pages=-(-total // page_size),
        data=[
            Cluster(
                id=row.id,
                name=row.name,
                description=row.description,
                status=row.status,
                kubernetes_version=row.kubernetes_version,
                topology=Topology(**row.spec["topology"]),
                components=Components(**row.spec["components"]),
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in rows
        ],
    )
