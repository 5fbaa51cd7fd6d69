#!/bin/sh
# One role and one database per service; nobody else may connect.
set -eu
for service in auth registry accounts billing usage aggregation; do
    psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" -v password="$(cat /run/secrets/database_password)" <<SQL
CREATE ROLE $service LOGIN PASSWORD :'password';
CREATE DATABASE $service OWNER $service TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8';
REVOKE CONNECT ON DATABASE $service FROM PUBLIC;
SQL
done
