# One image for web, worker and migrations; what it runs is its command.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /opt/keystall \
 && /opt/keystall/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN /opt/keystall/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/keystall --create-home keystall \
 && install -d -o keystall -g keystall /var/lib/keystall/files
COPY --from=build /opt/keystall /opt/keystall
ENV PATH=/opt/keystall/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER keystall
WORKDIR /var/lib/keystall
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["keystall", "web", "--bind", "0.0.0.0", "--port", "8000"]
