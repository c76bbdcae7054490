# Both stages use it: the virtual environment refers to the very Python that made it.
# A release pins the digest: --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# hatchling takes the time stamps in the wheel from it, BuildKit those of the layers.
ARG SOURCE_DATE_EPOCH=0
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

COPY requirements/runtime.lock requirements/build.lock requirements/
# pip's own byte code carries the time of the installation, so it is left to compileall.
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-compile --only-binary :all: \
        --require-hashes --requirement requirements/runtime.lock \
    && pip install --only-binary :all: --require-hashes --requirement requirements/build.lock

COPY pyproject.toml README.md LICENSE ./
COPY function function
COPY jobs jobs
# The running user cannot write byte code, so all of it is made here: without it every
# start would compile every module. Nothing changes later, so nothing needs checking.
RUN python -m hatchling build --target wheel --directory /dist \
    && pip --python /venv/bin/python install --no-compile --no-index --no-deps /dist/*.whl \
    && /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib

FROM ${PYTHON_IMAGE}
ARG PYTHON_IMAGE
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="function-vcluster" \
    org.opencontainers.image.description="Crossplane composition function for virtual clusters" \
    org.opencontainers.image.source="https://github.com/telekom/function-vcluster" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# The base image comes without byte code of the standard library: half of the start-up time.
RUN python -m compileall -q --invalidation-mode unchecked-hash -x 'site-packages|/idlelib/|/test/' \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that a cluster can verify runAsNonRoot.
USER 65532:65532
EXPOSE 9443 8080
ENTRYPOINT ["function"]
