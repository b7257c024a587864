"""The requests that AIStore's Go CLI sends, replayed; the answers it needs.

Commands: show cluster, ls, create, rmb, put, get, cat, rmo, bucket props
show/set/reset, object show, config cluster.
"""

import io
import json
import tarfile

import msgpack
import pytest
import requests
import xxhash


def act(action, value=None, name=""):
    """An action message as Go writes it: all three keys, always."""
    return json.dumps({"action": action, "name": name, "value": value})


def smap(node):
    r = requests.get(f"{node.url}/v1/daemon?what=smap")
    assert r.status_code == 200
    assert r.headers["Content-Type"] == "application/json; charset=utf-8"
    return r.json()


def reverse(node, id, what, **headers):
    return requests.get(
        f"{node.url}/v1/reverse/daemon?what={what}",
        headers={"Ais-Node-Id": id, **headers},
    )


def bucket_url(node, bucket):
    return f"{node.url}/v1/buckets/{bucket}?provider=ais"


def object_url(node, bucket, name, **params):
    query = "&".join(["provider=ais"] + [f"{k}={v}" for k, v in params.items()])
    return f"{node.url}/v1/objects/{bucket}/{name}?{query}"


# -- show cluster -------------------------------------------------------------------


def test_smap(node):
    m = smap(node)
    assert m["proxy_si"]["daemon_id"] in m["pmap"]
    assert isinstance(m["version"], str) and m["uuid"]
    for kind, nodes in (("proxy", m["pmap"]), ("target", m["tmap"])):
        for id, s in nodes.items():
            assert s["daemon_id"] == id and s["daemon_type"] == kind
            assert s["id_digest"] == xxhash.xxh64(
                id.encode(), seed=1103515245
            ).intdigest()
            assert isinstance(s["flags"], int)
            for net in ("public_net", "intra_data_net", "intra_control_net"):
                assert isinstance(s[net]["daemon_port"], str)
                assert s[net]["direct_url"] == node.url


def test_node_status_of_every_node(node):
    m = smap(node)
    for id in [*m["pmap"], *m["tmap"]]:
        r = reverse(node, id, "node_status", Accept="application/msgpack")
        assert r.headers["Content-Type"].startswith("application/json")
        s = r.json()
        assert s["snode"]["daemon_id"] == id
        assert s["cluster"]["flags"] == 6
        assert s["cluster"]["smap"]["Primary"]["id"] in m["pmap"]
        assert s["ais_version"].startswith("5.0.")
        assert isinstance(s["smap_version"], str)
        assert all(isinstance(v, int) for v in s["tracker"].values())
        assert s["tracker"]["up.ns.time"] > 0
        if id in m["tmap"]:
            for fs in s["capacity"]["mountpaths"].values():
                assert isinstance(fs["used"], str) and isinstance(fs["pct_used"], int)
        else:
            assert s["capacity"]["mountpaths"] is None


def test_other_node_queries(node):
    m = smap(node)
    (target,) = m["tmap"]
    assert reverse(node, target, "mountpaths").json()["disabled"] == []
    assert "AllDiskStats" in reverse(node, target, "disk").json()
    assert reverse(node, target, "metrics").json()["get.n"] == "counter"
    assert reverse(node, target, "software_version").text.startswith("5.0.")
    assert "node active" in reverse(node, target, "log").text
    assert reverse(node, target, "tls_certificate").status_code == 404
    config = reverse(node, target, "config").json()
    assert len(config["fspaths"]) == 2 and isinstance(config["host_net"]["port"], str)
    assert requests.get(f"{node.url}/v1/reverse/daemon?what=smap").status_code == 400
    r = reverse(node, "nobody00", "smap")
    assert (r.status_code, r.json()["tcode"]) == (404, "errNodeNotFound")


def test_cluster_queries(node):
    def cluster(what, **kw):
        return requests.get(f"{node.url}/v1/cluster?what={what}", **kw)

    m = smap(node)
    assert set(cluster("sysinfo").json()) == {"proxy", "target"}
    assert set(cluster("node_stats").json()["target"]) == set(m["tmap"])
    assert set(cluster("mountpaths").json()["targets"]) == set(m["tmap"])
    assert cluster("backends").json() == []
    assert cluster("remote").json() == {"a": None, "ver": 0}
    assert cluster("target_ips").text == "127.0.0.1,127.0.0.1,127.0.0.1"
    assert cluster("running_all", data='{"kind":""}').json() == []
    assert cluster("status_all", data='{"kind":"lru"}').json() is None
    assert cluster("qryxstats", data='{"kind":"lru"}').json() == {
        t: [] for t in m["tmap"]
    }
    assert cluster("status", data='{"id":"abcdefghi"}').status_code == 404
    assert cluster("status").status_code == 400
    assert cluster("foo").status_code == 400


def test_health(node):
    r = requests.get(f"{node.url}/v1/health")
    assert r.content == b"" and int(r.headers["Ais-Node-Uptime"]) > 0
    assert int(r.headers["Ais-Cluster-Uptime"]) > 0
    for query in ("readiness=true", "prr=true", "apr=true"):
        assert requests.get(f"{node.url}/v1/health?{query}").status_code == 200
    info = requests.get(f"{node.url}/v1/health?cii=true").json()
    assert info["flags"] == 6 and isinstance(info["bmd"]["version"], str)
    r = requests.get(f"{node.url}/v1/health?cii-apr=true&apr=true")
    assert r.status_code == 400


# -- errors -------------------------------------------------------------------------


def test_error_envelope(node):
    r = requests.get(object_url(node, "none-such", "o"))
    e = r.json()
    assert (r.status_code, e["status"]) == (404, 404)
    assert e["tcode"] == "ErrBckNotFound"
    assert e["message"] == 'bucket "ais://none-such" does not exist'
    assert e["method"] == "GET" and e["url_path"] == "/v1/objects/none-such/o"
    assert e["remote_addr"] and e["caller"] == "" and e["node"]
    assert r.headers["X-Content-Type-Options"] == "nosniff"
    h = requests.head(object_url(node, "none-such", "o"))
    assert h.status_code == 404
    assert json.loads(h.headers["Hdr-Error"])["tcode"] == "ErrBckNotFound"


def test_methods_and_paths(node):
    r = requests.patch(f"{node.url}/v1/cluster")
    assert (r.status_code, r.text) == (405, "Method Not Allowed\n")
    assert r.headers["Allow"] == "DELETE, GET, POST, PUT"
    r = requests.options(f"{node.url}/v1/cluster")
    assert r.status_code == 200 and "GET" in r.headers["Allow"]
    r = requests.get(f"{node.url}/v1/foo")
    assert r.status_code == 400
    assert "invalid request URI: 'GET /v1/foo'" in r.json()["message"]


# -- buckets ------------------------------------------------------------------------


def test_create_ls_rmb(node, bucket_name):
    url = bucket_url(node, bucket_name)
    assert requests.post(url, data=act("create-bck")).content == b""
    r = requests.post(url, data=act("create-bck"))
    assert (r.status_code, r.json()["tcode"]) == (409, "ErrBucketAlreadyExists")
    listed = requests.get(f"{node.url}/v1/buckets?presence=2", data=act("list"))
    assert {
        "name": bucket_name,
        "provider": "ais",
        "namespace": {"uuid": "", "name": ""},
    } in listed.json()
    assert requests.get(
        f"{node.url}/v1/buckets?provider=aws", data=act("list")
    ).json() == []
    bmd = requests.get(f"{node.url}/v1/daemon?what=bmd").json()
    props = bmd["providers"]["ais"]["@#"][bucket_name]
    assert isinstance(props["bid"], str) and isinstance(bmd["version"], str)
    assert requests.delete(url, data=act("destroy-bck")).status_code == 200
    r = requests.delete(url, data=act("destroy-bck"))
    assert (r.status_code, r.json()["tcode"]) == (404, "ErrBckNotFound")


def test_props_show_set_reset(node, bucket):
    url = bucket_url(node, bucket)

    def shown():
        return json.loads(requests.head(url).headers["Ais-Bucket-Props"])

    before = shown()
    assert set(before["extra"]) == {"aws", "gcp", "oci"}
    assert before["durability"] == "sync"
    value = {"checksum": {"type": "md5"}, "versioning": {"enabled": False}}
    assert requests.patch(url, data=act("set-bprops", value)).status_code == 200
    assert shown()["checksum"]["type"] == "md5"
    assert requests.put(object_url(node, bucket, "o"), data=b"x").ok
    head = requests.head(object_url(node, bucket, "o")).headers
    assert head["Ais-Checksum-Type"] == "md5" and "Ais-Version" not in head
    assert requests.patch(url, data=act("set-bprops", {"x": 1})).status_code == 400
    assert requests.patch(url, data=act("reset-bprops")).status_code == 200
    assert shown() == before


def test_access_is_enforced(node, bucket):
    url = bucket_url(node, bucket)
    assert requests.put(object_url(node, bucket, "o"), data=b"x").ok
    assert requests.patch(url, data=act("set-bprops", {"access": "771"})).ok
    r = requests.put(object_url(node, bucket, "o"), data=b"y")
    assert (r.status_code, r.json()["tcode"]) == (403, "ErrBucketAccessDenied")
    assert requests.delete(object_url(node, bucket, "o")).status_code == 403
    assert requests.get(object_url(node, bucket, "o")).content == b"x"
    assert requests.patch(url, data=act("reset-bprops")).ok


@pytest.mark.parametrize(
    "method,action,status",
    [
        ("post", "etl-bck", 501),
        ("put", "archive", 501),
        ("delete", "evict-remote-bck", 400),
        ("post", "prefetch-listrange", 400),
        ("post", "nonsense", 400),
    ],
)
def test_what_is_not_there_says_so(node, bucket, method, action, status):
    r = requests.request(method, bucket_url(node, bucket), data=act(action))
    assert r.status_code == status and r.json()["message"]


# -- objects ------------------------------------------------------------------------


def test_put_get_object_show(node, bucket):
    content = b"payload" * 1000
    digest = xxhash.xxh64(content, seed=0).hexdigest()
    r = requests.put(
        object_url(node, bucket, "dir/o"),
        data=content,
        headers={"Ais-Custom-Md": "k=v"},
    )
    assert r.headers["Ais-Checksum-Value"] == digest
    assert r.headers["Ais-Version"] == "1"
    r = requests.get(object_url(node, bucket, "dir/o"))
    assert r.content == content
    assert r.headers["Ais-Checksum-Type"] == "xxhash2"
    assert r.headers["Ais-Checksum-Value"] == digest
    assert int(r.headers["Ais-Atime"]) > 0
    assert r.headers["Ais-Custom-Md"] == "k=v"
    props = "name,size,checksum,atime,version,last-modified,etag,copies,ec,custom,location,chunked"
    h = requests.head(object_url(node, bucket, "dir/o", props=props)).headers
    assert h["Content-Length"] == str(len(content))
    assert h["Ais-Present"] == "true" and h["Ais-Mirror-Copies"] == "1"
    assert h["ETag"].startswith('"') and h["Last-Modified"].endswith("GMT")
    assert h["Ais-Location"].startswith("t[")
    v1 = requests.head(object_url(node, bucket, "dir/o")).headers
    assert v1["Ais-Name"] == "dir/o" and v1["Ais-Bucket-Name"] == bucket
    check = {"validate-checksum": "true", "props": "size"}
    assert requests.head(object_url(node, bucket, "dir/o", **check)).ok


def test_checksums_given_by_the_client(node, bucket):
    url = object_url(node, bucket, "o")
    right = {
        "Ais-Checksum-Type": "xxhash2",
        "Ais-Checksum-Value": xxhash.xxh64(b"x", seed=0).hexdigest(),
    }
    assert requests.put(url, data=b"x", headers=right).headers["Ais-Version"] == "1"
    assert requests.put(url, data=b"x", headers=right).headers["Ais-Version"] == "1"
    r = requests.put(url, data=b"y", headers={**right, "Ais-Checksum-Type": "xxhash"})
    assert r.status_code == 400
    assert r.json()["message"].startswith("BAD DATA CHECKSUM:")
    assert requests.get(url).content == b"x"


def test_ranges(node, bucket):
    url = object_url(node, bucket, "o")
    content = bytes(range(100))
    requests.put(url, data=content)
    for header, part in (
        ("bytes=0-9", content[:10]),
        ("bytes=90-200", content[90:]),
        ("bytes=95-", content[95:]),
        ("bytes=-5", content[-5:]),
        ("bytes=-500", content),
    ):
        r = requests.get(url, headers={"Range": header})
        assert (r.status_code, r.content) == (206, part)
        assert r.headers["Accept-Ranges"] == "bytes"
        assert r.headers["Content-Range"].endswith("/100")
    for header in ("bytes=100-", "bytes=5-4", "bytes=0-1,5-6", "junk"):
        r = requests.get(url, headers={"Range": header})
        assert r.status_code == 416
        assert r.headers["Content-Range"] == "bytes */100"
    requests.put(url, data=b"")
    assert requests.get(url, headers={"Range": "bytes=0-"}).status_code == 416


def test_rename_rmo_and_lock(node, bucket):
    url = object_url(node, bucket, "old")
    requests.put(url, data=b"x", headers={"Ais-Custom-Md": "k=v"})
    assert requests.post(url, data=act("check-lock")).status_code == 200
    assert requests.post(url, data=act("rename-obj", name="a/new")).ok
    assert requests.get(url).status_code == 404
    new = object_url(node, bucket, "a/new")
    assert requests.get(new).headers["Ais-Custom-Md"] == "k=v"
    assert requests.delete(new).content == b""
    r = requests.delete(new)
    assert (r.status_code, r.json()["tcode"]) == (404, "ErrNotFound")
    assert f"ais://{bucket}/a/new does not exist" in r.json()["message"]
    evict = requests.delete(new, data=act("evict-listrange", name="x"))
    assert evict.status_code in (400, 404)


# -- listing ------------------------------------------------------------------------


def lso(node, bucket, packed=True, **value):
    value = {"uuid": "", "props": "name,size,cached", "flags": "0", **value}
    r = requests.get(
        bucket_url(node, bucket),
        data=act("list", value),
        headers={"Accept": "application/msgpack"} if packed else {},
    )
    assert r.status_code == 200, r.text
    if not packed:
        return r.json()
    assert r.headers["Content-Type"] == "application/msgpack"
    page = msgpack.unpackb(r.content)
    assert set(page) == {"UUID", "ContinuationToken", "Flags", "Entries"}
    assert len(page["UUID"]) >= 9
    return page


def test_list_pages_and_forms(node, bucket):
    names = [f"o{i:03}" for i in range(25)]
    for n in names:
        requests.put(object_url(node, bucket, n), data=b"12345")
    first = lso(node, bucket, pagesize=10)
    assert [e["n"] for e in first["Entries"]] == names[:10]
    assert first["Entries"][0]["s"] == 5 and first["Entries"][0]["f"] == 64
    again = {"uuid": first["UUID"], "continuation_token": first["ContinuationToken"]}
    second = lso(node, bucket, pagesize=10, **again)
    assert [e["n"] for e in second["Entries"]] == names[10:20]
    assert second["UUID"] == first["UUID"]
    assert lso(node, bucket, pagesize=10, **again) == second, "the same token, the same page"
    again["continuation_token"] = second["ContinuationToken"]
    last = lso(node, bucket, pagesize=10, **again)
    assert [e["n"] for e in last["Entries"]] == names[20:]
    assert last["ContinuationToken"] == ""
    page = lso(node, bucket, packed=False)
    assert page["entries"][0] == {"name": "o000", "size": "5", "flags": 64}
    names_only = lso(node, bucket, flags="16", props="")
    assert names_only["Entries"][0] == {"n": "o000", "f": 64}
    assert [e["n"] for e in lso(node, bucket, prefix="o02*")["Entries"]] == names[20:]
    assert lso(node, bucket, flags="512", props="")["Entries"] == []
    body_less = requests.get(bucket_url(node, bucket))
    assert len(body_less.json()["entries"]) == 25


# -- configuration --------------------------------------------------------------------


def config(node):
    return requests.get(f"{node.url}/v1/cluster?what=cluster_config").json()


def test_config_show_set_reset(node):
    before = config(node)
    url = f"{node.url}/v1/cluster"
    assert requests.put(f"{url}/set-config?periodic.stats_time=12s").content == b""
    now = config(node)
    assert now["periodic"]["stats_time"] == "12s"
    assert int(now["config_version"]) == int(before["config_version"]) + 1
    value = {"periodic": {"stats_time": "14s"}, "features": "0"}
    assert requests.put(url, data=act("set-config", value)).ok
    assert config(node)["periodic"]["stats_time"] == "14s"
    assert requests.put(f"{url}/set-config?log.level=4&transient=true").ok
    r = requests.put(f"{url}/set-config?mirror.copies=3&transient=true")
    assert r.status_code == 400 and "transient" in r.json()["message"]
    r = requests.put(f"{url}/set-config?net.use_ipv6=true&transient=true")
    assert (r.status_code, r.json()["tcode"]) == (501, "ErrUnsupp")
    r = requests.put(f"{url}/set-config?periodic.stats_tim=1s")
    assert r.status_code == 400 and "periodic.stats_time" in r.json()["message"]
    assert requests.put(f"{url}/set-config").json()["message"] == "no properties to update"
    # Back to what it was; reset-config concerns the nodes' overrides alone.
    assert requests.put(f"{url}/set-config?periodic.stats_time=10s").ok
    assert requests.put(url, data=act("reset-config")).ok
    after = config(node)
    for volatile in ("config_version", "lastupdate_time"):
        after.pop(volatile), before.pop(volatile)
    assert after == before
    assert requests.put(url, data=act("bogus")).json()["message"] == 'invalid action "bogus"'


def node_config(node, target):
    headers = {"Ais-Node-Id": target}
    return requests.get(f"{node.url}/v1/reverse/daemon?what=config", headers=headers).json()


def test_node_config_is_an_override(fresh_node):
    node = fresh_node.start()
    smap = requests.get(f"{node.url}/v1/cluster?what=smap").json()
    target = next(iter(smap["tmap"]))
    headers = {"Ais-Node-Id": target}
    url = f"{node.url}/v1/reverse/daemon"
    version = config(node)["config_version"]
    assert requests.put(f"{url}/set-config?disk.iostat_time_long=5s", headers=headers).ok
    assert requests.put(url, headers=headers, data=act("set-config", {"log": {"level": "4"}})).ok
    assert requests.put(f"{url}/set-config?lru.batch_size=2048&transient=true", headers=headers).ok
    now = node_config(node, target)
    assert (now["disk"]["iostat_time_long"], now["log"]["level"]) == ("5s", "4")
    assert now["lru"]["batch_size"] == 2048
    # The cluster's configuration is as it was.
    assert config(node)["disk"]["iostat_time_long"] == "2s"
    assert config(node)["config_version"] == version
    r = requests.put(f"{url}/set-config?mirror.copies=3", headers=headers)
    assert r.status_code == 400
    assert "mirror configuration can only be globally updated" in r.json()["message"]
    assert node.stop() == 0
    node.start()
    now = node_config(node, target)
    assert (now["disk"]["iostat_time_long"], now["log"]["level"]) == ("5s", "4")
    assert now["lru"]["batch_size"] == 32768, "transient changes end with the process"
    assert requests.put(url, headers=headers, data=act("reset-config")).ok
    now = node_config(node, target)
    assert (now["disk"]["iostat_time_long"], now["log"]["level"]) == ("2s", "3")


def test_log_archive(node):
    smap = requests.get(f"{node.url}/v1/cluster?what=smap").json()
    target = next(iter(smap["tmap"]))
    r = requests.get(
        f"{node.url}/v1/reverse/daemon?what=log&severity=info&all=true",
        headers={"Ais-Node-Id": target},
    )
    assert r.status_code == 200
    assert r.headers["Content-Type"] == "application/x-gzip"
    with tarfile.open(fileobj=io.BytesIO(r.content), mode="r:gz") as tar:
        names = tar.getnames()
        text = tar.extractfile(names[0]).read().decode()
    assert names[0].startswith("aistarget.") and ".INFO." in names[0]
    assert "serving http" in text


def test_damage_is_an_alert(fresh_node):
    node = fresh_node.start()
    create = act("create-bck")
    assert requests.post(f"{node.url}/v1/buckets/b?provider=ais", data=create).ok
    assert requests.put(f"{node.url}/v1/objects/b/x", data=b"good bytes").ok
    assert requests.get(f"{node.url}/v1/health?cii=true").json()["flags"] == 6
    assert node.stop() == 0
    [path] = node.dir.rglob("%ob/x")
    path.write_bytes(b"evil bytes")
    node.start()
    r = requests.get(f"{node.url}/v1/objects/b/x")
    assert r.status_code == 500 and "CHECKSUM" in r.json()["message"]
    flags = requests.get(f"{node.url}/v1/health?cii=true").json()["flags"]
    assert flags == 6 | 8192, "disk-fault"
    assert requests.put(f"{node.url}/v1/cluster", data=act("reset-stats", True)).ok
    assert requests.get(f"{node.url}/v1/health?cii=true").json()["flags"] == 6
