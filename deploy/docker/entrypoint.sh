#!/bin/sh
# Starts one process of one service: CDS_SERVICE=usage cds-service api|worker|migrate
set -eu
case "${CDS_SERVICE:?name the service in CDS_SERVICE}" in
    auth | registry | accounts | billing | usage | aggregation) ;;
    *) echo "no service is named $CDS_SERVICE" >&2; exit 2 ;;
esac
case "${1:-api}" in
    api)
        exec python -m uvicorn "cds_$CDS_SERVICE.app:create_app" --factory --host 0.0.0.0 --port 8080 \
            --loop uvloop --http httptools --no-access-log --no-server-header --timeout-keep-alive 60
        ;;
    worker) exec python -m "cds_$CDS_SERVICE.worker" ;;
    migrate) exec python -m alembic -c "services/$CDS_SERVICE/alembic.ini" upgrade head ;;
    *) exec "$@" ;;
esac
