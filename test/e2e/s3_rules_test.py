"""What owners lay down for a bucket over S3: public access blocks, object
ownership and lifecycle rules."""

import datetime
import json
import re

import pytest
import requests
from conftest import Cluster, Node
from s3_test import (  # noqa: F401 (fixtures)
    ALICE,
    BOB,
    begin,
    complete,
    connect,
    denied,
    keyed,
    name,
    put_part,
    refused,
    s3,
    scattered,
    users,
)

# -- public access blocks ---------------------------------------------------------

FLAGS = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)


def block(who, bucket, *flags):
    who.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={x: x in flags for x in FLAGS},
    )


def public_policy(bucket):
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_public_access_block_as_a_resource(users):
    u, at = users, {"Bucket": users.bucket}
    code = "NoSuchPublicAccessBlockConfiguration"
    refused(code, u.alice.get_public_access_block, **at)
    block(u.alice, u.bucket, "IgnorePublicAcls")
    got = u.alice.get_public_access_block(**at)["PublicAccessBlockConfiguration"]
    assert got == {x: x == "IgnorePublicAcls" for x in FLAGS}
    for who in u.strangers:
        denied(who.get_public_access_block, **at)
        denied(who.delete_public_access_block, **at)
        denied(who.put_public_access_block, **at, PublicAccessBlockConfiguration={})
    u.alice.delete_public_access_block(**at)
    refused(code, u.alice.get_public_access_block, **at)


def test_public_lists_are_refused_or_ignored(users):
    u, at = users, {"Bucket": users.bucket}
    open_object = {**at, "Key": "open"}
    u.alice.put_object(**open_object, Body=b"x", ACL="public-read")
    u.alice.put_bucket_acl(**at, ACL="public-read")
    assert u.read(u.nobody, "open") == b"x"
    block(u.alice, u.bucket, "BlockPublicAcls")
    # What is there stays as it is, nothing is added.
    assert u.read(u.nobody, "open") == b"x"
    u.nobody.list_objects_v2(**at)
    for acl in ("public-read", "public-read-write", "authenticated-read"):
        denied(u.alice.put_bucket_acl, **at, ACL=acl)
        denied(u.alice.put_object, **at, Key="new", Body=b"", ACL=acl)
        denied(u.alice.put_object_acl, **open_object, ACL=acl)
        denied(u.alice.create_multipart_upload, **at, Key="new", ACL=acl)
        denied(u.alice.copy_object, **at, Key="new", CopySource=open_object, ACL=acl)
    u.alice.put_object(**at, Key="new", Body=b"", ACL="private")
    u.alice.put_object(**at, Key="new", Body=b"", GrantRead='id="bob"')
    block(u.alice, u.bucket, "IgnorePublicAcls")
    for who in (u.bob, u.nobody):
        denied(who.get_object, **open_object)
        denied(who.list_objects_v2, **at)
    assert u.read(u.bob, "new") == b""  # he was named
    assert not u.alice.get_bucket_policy_status(**at)["PolicyStatus"]["IsPublic"]
    block(u.alice, u.bucket)
    assert u.read(u.nobody, "open") == b"x"
    assert u.alice.get_bucket_policy_status(**at)["PolicyStatus"]["IsPublic"]


def test_public_policies_are_refused_or_narrowed(users):
    u, at = users, {"Bucket": users.bucket}
    block(u.alice, u.bucket, "BlockPublicPolicy")
    policy = public_policy(u.bucket)
    denied(u.alice.put_bucket_policy, **at, Policy=policy)
    u.policy({"Principal": {"AWS": "bob"}, "Action": "s3:GetObject"})
    assert u.read(u.bob) == b"content"
    u.alice.delete_public_access_block(**at)
    u.alice.put_bucket_policy(**at, Policy=policy)
    assert u.read(u.nobody) == b"content"
    block(u.alice, u.bucket, "RestrictPublicBuckets")
    for who in (u.bob, u.nobody):
        denied(who.get_object, **at, Key="k")
    assert u.read(u.alice) == b"content"


# -- object ownership --------------------------------------------------------------


def owned(who, bucket, how):
    rules = {"Rules": [{"ObjectOwnership": how}]}
    who.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)


def owner_of(who, bucket, key):
    return who.get_object_acl(Bucket=bucket, Key=key)["Owner"]["ID"]


def test_ownership_as_a_resource(users):
    u, at = users, {"Bucket": users.bucket}
    code = "OwnershipControlsNotFoundError"
    refused(code, u.alice.get_bucket_ownership_controls, **at)
    for how in ("ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"):
        owned(u.alice, u.bucket, how)
        got = u.alice.get_bucket_ownership_controls(**at)["OwnershipControls"]
        assert got == {"Rules": [{"ObjectOwnership": how}]}
    denied(u.bob.get_bucket_ownership_controls, **at)
    denied(u.bob.delete_bucket_ownership_controls, **at)
    u.alice.delete_bucket_ownership_controls(**at)
    refused(code, u.alice.get_bucket_ownership_controls, **at)
    refused("MalformedXML", owned, who=u.alice, bucket=u.bucket, how="Mine")


def test_where_only_the_bucket_owner_counts(users):
    u, at = users, {"Bucket": users.bucket}
    u.alice.put_object(**at, Key="open", Body=b"x", ACL="public-read")
    u.alice.put_bucket_acl(**at, ACL="public-read")
    code = "InvalidBucketAclWithObjectOwnership"
    refused(code, owned, who=u.alice, bucket=u.bucket, how="BucketOwnerEnforced")
    u.alice.put_bucket_acl(**at, ACL="private")
    owned(u.alice, u.bucket, "BucketOwnerEnforced")
    denied(u.nobody.get_object, **at, Key="open")
    u.alice.put_bucket_policy(**at, Policy=public_policy(u.bucket))
    full = "bucket-owner-full-control"
    source = {**at, "Key": "open"}
    for i, more in enumerate(({}, {"ACL": full})):
        u.bob.put_object(**at, Key=f"put{i}", **more)
        u.bob.copy_object(**at, Key=f"copy{i}", CopySource=source, **more)
        up = begin(u.bob, u.bucket, f"up{i}", **more)
        assert u.bob.list_parts(**up)["Owner"]["ID"] == "alice"
        complete(u.bob, up, [put_part(u.bob, up, 1, b"x")])
        for key in (f"put{i}", f"copy{i}", f"up{i}"):
            assert owner_of(u.bob, u.bucket, key) == "alice"
    code = "AccessControlListNotSupported"
    for more in ({"ACL": "private"}, {"GrantRead": 'id="bob"'}):
        refused(code, u.bob.put_object, **at, Key="no", **more)
        refused(code, u.bob.copy_object, **at, Key="no", CopySource=source, **more)
        refused(code, u.bob.create_multipart_upload, **at, Key="no", **more)
        refused(code, u.alice.put_bucket_acl, **at, **more)
        refused(code, u.alice.put_object_acl, **at, Key="open", **more)
    # Lists that were there come back with them.
    u.alice.delete_bucket_policy(**at)
    u.alice.delete_bucket_ownership_controls(**at)
    assert u.read(u.nobody, "open") == b"x"


def test_objects_are_their_writers(users):
    u, at = users, {"Bucket": users.bucket}
    u.alice.put_bucket_acl(**at, ACL="public-read-write")
    full = {"ACL": "bucket-owner-full-control"}
    for how, whose in (("ObjectWriter", "bob"), ("BucketOwnerPreferred", "alice")):
        owned(u.alice, u.bucket, how)
        u.bob.put_object(**at, Key="plain", Body=b"x")
        assert owner_of(u.bob, u.bucket, "plain") == "bob"
        assert u.read(u.bob, "plain") == b"x"
        assert u.read(u.alice, "plain") == b"x"  # it is her bucket
        denied(u.nobody.get_object, **at, Key="plain")
        u.bob.put_object_acl(**at, Key="plain", ACL="public-read")
        assert u.read(u.nobody, "plain") == b"x"
        u.bob.put_object(**at, Key="given", Body=b"x", **full)
        assert owner_of(u.alice, u.bucket, "given") == whose
        up = begin(u.bob, u.bucket, "parts")
        [shown] = u.alice.list_multipart_uploads(**at)["Uploads"]
        assert shown["Initiator"]["ID"] == shown["Owner"]["ID"] == "bob"
        complete(u.bob, up, [put_part(u.bob, up, 1, b"x")])
        assert owner_of(u.bob, u.bucket, "parts") == "bob"
        u.alice.put_object(**at, Key="hers", Body=b"x")
        assert owner_of(u.alice, u.bucket, "hers") == "alice"
        denied(u.bob.get_object, **at, Key="hers")


def test_buckets_are_made_with_an_ownership(keyed):
    alice = connect(keyed.url, *ALICE)
    at = {"Bucket": "open-owned"}
    made = {**at, "ObjectOwnership": "BucketOwnerEnforced"}
    code = "InvalidBucketAclWithObjectOwnership"
    refused(code, alice.create_bucket, **made, ACL="public-read")
    refused("InvalidArgument", alice.create_bucket, **at, ObjectOwnership="Mine")
    alice.create_bucket(**made)
    rules = alice.get_bucket_ownership_controls(**at)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    alice.create_bucket(**made)  # it is there, as it should be
    refused("BucketAlreadyExists", alice.create_bucket, **at, ACL="public-read")
    refused("BucketAlreadyExists", connect(keyed.url, *BOB).create_bucket, **at)
    alice.delete_bucket(**at)


# -- lifecycle ---------------------------------------------------------------------


def rule(id="r", days=None, prefix="", **more):
    out = {"ID": id, "Status": "Enabled", "Filter": {"Prefix": prefix}, **more}
    if days:
        out["Expiration"] = {"Days": days}
    return out


def set_rules(client, bucket, *rules):
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}
    )


def test_lifecycle_as_a_resource(s3, name):
    get = s3.get_bucket_lifecycle_configuration
    refused("NoSuchLifecycleConfiguration", get, Bucket=name)
    s3.delete_bucket_lifecycle(Bucket=name)
    tags = [{"Key": "a b", "Value": "ü&="}, {"Key": "c", "Value": ""}]
    midnight = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    rules = [
        rule("one", 3, "logs/"),
        {
            "ID": "all",
            "Status": "Disabled",
            "Filter": {
                "And": {
                    "Prefix": "p/",
                    "Tags": tags,
                    "ObjectSizeGreaterThan": 5,
                    "ObjectSizeLessThan": 1 << 40,
                }
            },
            "Expiration": {"Date": midnight},
        },
        rule(
            "uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}
        ),
    ]
    set_rules(s3, name, *rules)
    assert get(Bucket=name)["Rules"] == rules
    refused(
        "InvalidArgument",
        s3.put_bucket_lifecycle_configuration,
        Bucket=name,
        LifecycleConfiguration={"Rules": [rule("x" * 256, 1)]},
    )
    assert get(Bucket=name)["Rules"] == rules
    s3.delete_bucket_lifecycle(Bucket=name)
    refused("NoSuchLifecycleConfiguration", get, Bucket=name)


def test_expiration_is_told(s3, name):
    set_rules(s3, name, rule("soon", 2, "logs/"))
    put = s3.put_object(Bucket=name, Key="logs/x", Body=b"x")
    head = s3.head_object(Bucket=name, Key="logs/x")
    got = s3.get_object(Bucket=name, Key="logs/x")
    for x in (put, head, got):
        date, rule_id = re.fullmatch(
            'expiry-date="(.*) GMT", rule-id="(.*)"', x["Expiration"]
        ).groups()
        assert rule_id == "soon"
        until = datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S")
        left = until - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        assert datetime.timedelta(days=1.9) < left <= datetime.timedelta(days=3)
        assert (until.hour, until.minute, until.second) == (0, 0, 0)
    assert "Expiration" not in s3.put_object(Bucket=name, Key="x", Body=b"x")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A proxy and two targets whose days of lifecycle rules are seconds."""
    day = ["--s3-lifecycle-day", "1s"]
    it = Cluster(tmp_path_factory.mktemp("hasty"), proxies=1, targets=2, more=day)
    it.start()
    yield it
    it.stop()


def keys_of(client, bucket):
    page = client.list_objects_v2(Bucket=bucket)
    return [x["Key"] for x in page.get("Contents", [])]


def test_objects_expire(hasty):
    client = connect(hasty.proxies[0].url)
    client.create_bucket(Bucket="expiring")
    at = {"Bucket": "expiring"}
    for i in range(20):
        client.put_object(**at, Key=f"logs/{i}", Body=b"x" * i)
        client.put_object(**at, Key=f"kept/{i}", Body=b"x" * i)
    for key, tags in (("t/1", "a=1&b=2"), ("t/2", "a=1"), ("t/3", "a=1&b=22")):
        client.put_object(**at, Key=key, Body=b"x", Tagging=tags)
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    both = {"And": {"Tags": [{"Key": k, "Value": v} for k, v in ("a1", "b2")]}}
    sized = {"And": {"Prefix": "kept/", "ObjectSizeGreaterThan": 17}}
    set_rules(
        client,
        "expiring",
        rule("logs", 1, "logs/"),
        {**rule("tags", 1), "Filter": both},
        {**rule("size", 1), "Filter": sized},
        {**rule("date", prefix="kept/0"), "Expiration": {"Date": old}},
        {**rule("off", 1, "kept/"), "Status": "Disabled"},
        rule("later", 50_000, "kept/"),
    )
    wanted = [f"kept/{i}" for i in range(1, 18)] + ["t/2", "t/3"]
    hasty.proxies[0].wait_until(
        lambda: keys_of(client, "expiring") == sorted(wanted)
    )
    # A job as others: each target has done its part.
    shown = requests.get(
        f"{hasty.proxies[0].url}/v1/cluster?what=qryxstats",
        json={"kind": "lifecycle", "bck": {"name": "expiring", "provider": "ais"}},
        timeout=30,
    ).json()
    done = [int(x["stats"]["loc-objs"]) for of in shown.values() for x in of]
    assert sum(done) == 24 and len(shown) == 2
    # Without rules nothing goes.
    client.delete_bucket_lifecycle(**at)
    client.put_object(**at, Key="logs/new", Body=b"x")
    assert "logs/new" in keys_of(client, "expiring")


def test_old_uploads_are_aborted(hasty):
    client = connect(hasty.targets[0].url)
    client.create_bucket(Bucket="uploads")
    old = [begin(client, "uploads", f"big/{i}") for i in range(6)]
    for up in old:
        for number in (1, 2, 3):
            put_part(client, up, number, b"x" * 1000)
    kept = begin(client, "uploads", "else")
    part = put_part(client, kept, 1, b"kept")
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    set_rules(client, "uploads", rule(prefix="big/", **abort))

    def left():
        page = client.list_multipart_uploads(Bucket="uploads")
        return [x["Key"] for x in page.get("Uploads", [])]

    hasty.proxies[0].wait_until(lambda: left() == ["else"])
    for up in old:
        refused("NoSuchUpload", client.list_parts, **up)
    complete(client, kept, [part])
    assert keys_of(client, "uploads") == ["else"]


def test_lifecycle_can_be_asked_for(tmp_path):
    """By the operator, at any time: days here are a long time."""
    node = Node(tmp_path).start()
    client = connect(node.url)
    client.create_bucket(Bucket="asked")
    start = {
        "action": "start",
        "value": {"kind": "lifecycle", "bck": {"name": "asked", "provider": "ais"}},
    }

    def ask(x):
        return requests.put(f"{node.url}/v1/cluster", json=x, timeout=30)

    r = ask(start)
    assert r.status_code == 404 and "no lifecycle rules" in r.text
    for key in ("old", "new"):
        client.put_object(Bucket="asked", Key=key, Body=b"x")
    date = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    set_rules(client, "asked", {**rule(prefix="o"), "Expiration": {"Date": date}})
    r = ask(start)
    assert r.status_code == 200 and len(r.text) >= 9
    node.wait_until(lambda: keys_of(client, "asked") == ["new"])
    r = ask({**start, "value": {"kind": "lifecycle"}})
    assert r.status_code == 400 and "name the bucket" in r.text
    assert node.stop() == 0


# -- signature version 2 -------------------------------------------------------------


def test_old_signatures(keyed):
    """What boto3 presigns with unless it is told otherwise."""
    client = connect(keyed.url, signature_version="s3")
    at = {"Bucket": "old-signed", "Key": "a b/ü+"}
    client.create_bucket(Bucket=at["Bucket"])
    client.put_object(**at, Body=b"content", Metadata={"k": "v  w"})
    assert client.get_object(**at)["Body"].read() == b"content"
    client.put_object_tagging(**at, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    plain = connect(keyed.url)
    url = plain.generate_presigned_url("get_object", Params=at, ExpiresIn=60)
    assert "AWSAccessKeyId=" in url
    assert requests.get(url).content == b"content"
    r = requests.put(url, data=b"")
    assert r.status_code == 403 and "SignatureDoesNotMatch" in r.text
    r = requests.get(url + "&response-content-type=text/html")
    assert "SignatureDoesNotMatch" in r.text
    gone = plain.generate_presigned_url("get_object", Params=at, ExpiresIn=-1)
    r = requests.get(gone)
    assert r.status_code == 403 and "expired" in r.text
    wrong = connect(keyed.url, secret="wrong", signature_version="s3")
    refused("SignatureDoesNotMatch", wrong.get_object, **at)
    stranger = connect(keyed.url, "nobody", signature_version="s3")
    refused("InvalidAccessKeyId", stranger.get_object, **at)
    client.delete_object(**at)
    client.delete_bucket(Bucket=at["Bucket"])
