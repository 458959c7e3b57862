# The image of stash-pipeline: one for the code server, the web server and the daemon (compose.yaml), or for all of them
# in one container with the private Postgres (the default command). Build it in the root of the repository.

FROM python:3.13-slim-bookworm AS dependencies
WORKDIR /source
# A layer of their own, which stays the same until one of these files changes; the package itself is empty in it.
COPY constraints.txt pyproject.toml setup.cfg ./
RUN mkdir stash_pipeline \
    && touch stash_pipeline/__init__.py dagster.yaml workspace.yaml README.md LICENSE \
    && python -m venv /opt/stash-pipeline \
    && /opt/stash-pipeline/bin/pip install --no-cache-dir --constraint constraints.txt '.[typesense]' \
    && /opt/stash-pipeline/bin/pip uninstall --yes --quiet stash-pipeline \
    && rm -r build stash_pipeline.egg-info

FROM dependencies AS package
COPY dagster.yaml workspace.yaml README.md LICENSE ./
COPY stash_pipeline stash_pipeline
RUN /opt/stash-pipeline/bin/pip install --no-cache-dir --no-deps --prefix /opt/package .

FROM dependencies AS without-pip
RUN /opt/stash-pipeline/bin/python -m pip uninstall --yes --quiet pip

FROM python:3.13-slim-bookworm
RUN useradd --uid 1000 --user-group --home-dir /data --shell /usr/sbin/nologin pipeline \
    && install --directory --mode 700 --owner pipeline --group pipeline /data
COPY --from=without-pip /opt/stash-pipeline /opt/stash-pipeline
COPY --from=package /opt/package /opt/stash-pipeline
ENV PATH="/opt/stash-pipeline/bin:${PATH}" \
    PYTHONUNBUFFERED=1 \
    STASH_PIPELINE_HOME=/data
USER 1000:1000
WORKDIR /data
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-m", "stash_pipeline.runtime.health", "web", "3000"]
# no entry point: Dagster's launchers start its own programs in this image
CMD ["stash-pipeline", "up", "--host", "0.0.0.0"]
