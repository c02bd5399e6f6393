#!/bin/sh
# Run once by PostgreSQL's image, when its volume is new: the database of Keycloak beside that of Keelyard.
set -eu
password=$(cat /run/secrets/keycloak_db_password)
psql -v ON_ERROR_STOP=1 -v password="$password" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE keycloak LOGIN PASSWORD :'password';
CREATE DATABASE keycloak OWNER keycloak;
SQL
