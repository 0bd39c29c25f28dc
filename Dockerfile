# One image for web, worker, beat and migration. Nothing is compiled, and nothing is fetched when it runs.

FROM node:22.20.0-bookworm-slim AS assets
WORKDIR /assets/static
COPY static/package.json static/package-lock.json static/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
# The stylesheet is cut down to what these use.
COPY portal ../portal
COPY trunks ../trunks
COPY templates ../templates
COPY static/purgecss.config.cjs ./
COPY static/portal portal
RUN mkdir -p vendor/tabler \
 && node node_modules/purgecss/bin/purgecss.js --config purgecss.config.cjs

FROM python:3.11.14-slim-bookworm AS packages
COPY requirements/base.txt /tmp/base.txt
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/base.txt

FROM python:3.11.14-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    DATA_DIR=/data
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin portal \
 && install -d -o portal -g portal -m 700 /data /digests
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY portal portal
COPY trunks trunks
COPY templates templates
COPY docs/verify_export.py docs/
COPY static/portal static/portal
COPY --from=assets /assets/static/vendor static/vendor
USER portal
EXPOSE 8000
CMD ["gunicorn", "portal.wsgi", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=2", "--threads=8", \
     "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
