# Keelyard's image: API and worker, one program. `make image` builds it; docs/containers.md has the rest.
#
# BASE is a Debian 13 (trixie) image by digest, and has no default: a tag is somebody else's decision.
#   --build-arg BASE=docker.io/library/debian@sha256:...
ARG BASE
FROM ${BASE} AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first: they change less often than the product. Each file is checked against its hash.
COPY pyproject.toml requirements.lock ./
COPY deploy/container/runtime_requirements.py deploy/container/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/keelyard && python3 -m venv /opt/build \
    && python3 deploy/container/runtime_requirements.py >/tmp/runtime.txt \
    && python3 deploy/container/runtime_requirements.py hatchling >/tmp/build.txt \
    && /opt/keelyard/bin/pip install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes -r /tmp/runtime.txt \
    && /opt/build/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/build.txt
COPY . .
# The root file system is read-only later, so bytecode is made here; Ansible's collections are read as source.
RUN /opt/build/bin/hatchling build -t wheel -d /tmp/wheel \
    && /opt/keelyard/bin/pip install --no-cache-dir --no-compile --no-deps --no-index /tmp/wheel/*.whl \
    && /opt/keelyard/bin/pip uninstall -q -y pip \
    && /opt/keelyard/bin/python -m compileall -q -j 0 -x ansible_collections --invalidation-mode unchecked-hash /opt/keelyard/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="Keelyard" org.opencontainers.image.licenses="Apache-2.0"
# ssh is what a run needs; there is no compiler and no package installer for Python.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates openssh-client python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log \
    && groupadd --gid 10001 keelyard \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/keelyard --shell /usr/sbin/nologin --no-create-home keelyard \
    && install -d -m 0700 -o keelyard -g keelyard /var/lib/keelyard /var/cache/keelyard
COPY --from=build /opt/keelyard /opt/keelyard
ENV PATH=/opt/keelyard/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/var/lib/keelyard KEELYARD_HOME=/var/lib/keelyard KEELYARD_CACHE=/var/cache/keelyard \
    LANG=C.UTF-8 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/keelyard
VOLUME ["/var/lib/keelyard"]
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["keelyard"]
CMD ["api", "--host", "0.0.0.0"]
