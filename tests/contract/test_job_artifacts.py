"""Files that a job left: listed, fetched once, and nothing else is ever fetched by their name."""

from __future__ import annotations

import hashlib

from engine.domain.statuses import Role
from engine.services.hardening_reports import LeftFile
from tests.contract.hardening import RAW, RAW_CONTENT, scanned
from tests.contract.harness import Api, cluster_body

CONTENTS = {
    RAW.name: RAW_CONTENT,
    "control-01-openscap-results.xml": b"<Benchmark/>" * 10_000,
    "control-01-lynis-report.dat": "Größe=\n".encode(),
}
XML = LeftFile.of("control-01-openscap-results.xml", "application/xml", b"<Benchmark/>" * 10_000)
DAT = LeftFile.of("control-01-lynis-report.dat", "text/plain", "Größe=\n".encode())


async def test_artifacts_are_listed_and_fetched_as_they_were(api: Api) -> None:
    admin, viewer = await api.admin(), await api.account(Role.VIEWER)
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    _, job_id = await scanned(api, admin, files=(RAW, XML, DAT))
    place = f"/api/v1/jobs/{job_id}/artifacts"

    listed = (await viewer.get(place)).json()

    by_name = {file.name: file for file in (RAW, XML, DAT)}
    assert [line["name"] for line in listed] == sorted(by_name)
    for line in listed:
        file = by_name[line["name"]]
        assert set(line) == {"name", "media_type", "size", "sha256", "created_at"}
        assert (line["size"], line["media_type"]) == (len(CONTENTS[file.name]), file.media_type)
        assert line["sha256"] == hashlib.sha256(CONTENTS[file.name]).hexdigest()
        answer = await viewer.get(f"{place}/{file.name}")
        assert answer.content == CONTENTS[file.name]
        assert answer.headers["content-type"].partition(";")[0] == file.media_type
        assert answer.headers["content-disposition"] == f'attachment; filename="{file.name}"'
        assert answer.headers["etag"] == f'"{line["sha256"]}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    entries = (await admin.get("/api/v1/audit-logs", params={"action": "job:artifact"})).json()["data"]
    assert {entry["details"]["name"] for entry in entries} == set(by_name)


async def test_what_a_client_has_is_not_sent_again(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    _, job_id = await scanned(api, admin)
    place = f"/api/v1/jobs/{job_id}/artifacts/{RAW.name}"
    tag = (await admin.get(place)).headers["etag"]

    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await admin.get(place, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await admin.get(place, headers={"If-None-Match": '"other"'})).status_code == 200


NO_NAMES = (
    *("nix", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", ".", "%00", "a%0d%0aSet-Cookie:%20x", "*", "%ff"),
    "x" * 3000,
)


async def test_a_name_is_only_looked_up(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    _, job_id = await scanned(api, admin)

    for name in NO_NAMES:
        answer = await admin.get(f"/api/v1/jobs/{job_id}/artifacts/{name}")
        assert answer.status_code in (200, 400, 404), name
        assert answer.status_code != 200 or isinstance(answer.json(), list), name  # "." is the list itself
        assert "set-cookie" not in answer.headers


async def test_of_a_job_that_is_not_there_nothing_is_listed(api: Api) -> None:
    admin = await api.admin()

    assert (await admin.get("/api/v1/jobs/nix/artifacts")).status_code == 404
    assert (await admin.get("/api/v1/jobs/nix/artifacts/x")).status_code == 404
