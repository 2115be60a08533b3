"""Drives a real server with JMessage's official back-end client from PyPI, unmodified.

    python3 run.py BINARY [--only TEXT]

The client's base addresses are public attributes of its classes; nothing else about it is changed. It has mistakes of
its own (jmessage.md 1.4): calls of PUT and DELETE with a body fail inside it, two of its modules do not compile. What
it can't call is called through the session that it uses itself.
"""

import io
import json
import subprocess
import struct
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER / "packages"))

import requests  # noqa: E402
from jmessage import JMessage  # noqa: E402
from jmessage.group import Group  # noqa: E402
from jmessage.im import IM  # noqa: E402
from jmessage.message import Message, Model  # noqa: E402
from jmessage.resource import Resource  # noqa: E402
from jmessage.room import Room  # noqa: E402
from jmessage.user import User  # noqa: E402


class Server:
    """A server on a free port and a folder of its own."""

    def __init__(self, binary):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="kith-e2e-")
        self.log = open(Path(self.folder.name) / "log", "w+")
        data = str(Path(self.folder.name) / "data")
        self.data = ["--data", data]
        listen = ["--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"]
        command = [binary, "serve", "--ready-json", *listen, *self.data]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError("kith did not start:\n" + self.log.read())
        self.url = "http://" + json.loads(line)["http"]

    def cli(self, *arguments):
        command = [self.binary, *arguments, *self.data]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()
        self.folder.cleanup()


class World:
    """One scenario's app, and the client for it."""

    apps = 0

    def __init__(self, server):
        World.apps += 1
        self.server = server
        self.key = f"python#app{World.apps}"
        self.app = json.loads(server.cli("app", "create", self.key, "--jmessage", "--json"))
        User.URI = server.url + "/v1/users/"
        User.ADMIN_URI = server.url + "/v1/admins/"
        Group.URI = server.url + "/v1/groups/"
        Room.URI = server.url + "/v1/chatroom/"
        Message.URI = server.url + "/v1/messages/"
        Resource.URI = server.url + "/v1/resource"
        IM.SDK_URI = server.url + "/v1/sdkregister/status"
        IM.WORD_URI = server.url + "/v1/sensitiveword/"
        self.api = JMessage(self.app["jmessage_appkey"], self.app["jmessage_master_secret"])
        self.users = User(self.api)
        self.groups = Group(self.api)
        self.rooms = Room(self.api)
        self.messages = Message(self.api)
        self.resources = Resource(self.api)
        self.im = IM(self.api)

    def register(self, *names):
        users = [{"username": name, "password": "secret"} for name in names]
        answer = ok(self.users.register(users), 201).json()
        assert answer == [{"username": name} for name in names], answer

    def direct(self, method, path, **options):
        """What the client has no working call for, through its own session."""
        return self.api._session.request(method, self.server.url + path, **options)


def ok(answer, status=200):
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    for header in ["X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"]:
        int(answer.headers[header])
    return answer


def code(answer):
    assert answer.status_code >= 300, answer.text
    assert answer.headers["x-kith-condition"] and answer.headers["x-kith-trace"]
    error = answer.json()["error"]
    assert isinstance(error["message"], str) and error["message"], error
    return error["code"]


def credentials(world):
    key, secret = world.app["jmessage_appkey"], world.app["jmessage_master_secret"]
    assert code(User(JMessage(key, "wrong")).all(1)) == 899008
    assert code(User(JMessage("0" * 24, secret)).all(1)) == 899009
    assert code(requests.get(User.URI)) == 899007
    ok(User(JMessage(key.upper(), secret)).all(1))


def users(world):
    world.register("alice", "bobby")
    profile = dict(nickname="Carol", signature="hello", gender=2, birthday="1990-01-24", region="here")
    ok(world.users.create("carol@x.y", "secret", extras={"a": 1}, **profile), 201)
    user = ok(world.users.get("carol@x.y")).json()
    assert (user["nickname"], user["gender"], user["extras"]) == ("Carol", 2, {"a": 1}), user
    assert user["birthday"] == "1990-01-24 00:00:00" and "address" not in user, user
    again = ok(world.users.create("alice", "secret"), 201).json()
    assert again[0]["error"]["code"] == 899001, again
    page = ok(world.users.all(2, start=1)).json()
    assert (page["total"], page["start"], page["count"]) == (3, 1, 2), page
    assert ok(world.users.stat("alice")).json() == {"login": False, "online": False}
    assert ok(world.users.stat(["alice", "bobby"])).json()[1]["devices"] == []
    assert code(world.users.get("nobody")) == 899002
    # The other dialect's clients know the same user, with the same password.
    login = {"grant_type": "password", "username": "alice", "password": "secret"}
    url = f"{world.server.url}/{world.key.replace('#', '/')}/token"
    assert requests.post(url, json=login).json()["user"]["username"] == "alice"
    ok(world.direct("PUT", "/v1/users/alice/password", json={"new_password": "another"}), 204)
    assert requests.post(url, json=login).status_code == 400
    ok(world.users.delete("alice"), 204)
    assert code(world.users.get("alice")) == 899002


def admins(world):
    ok(world.users.create("boss", "secret", nickname="Boss", admin=True), 201)
    assert code(world.users.create("boss", "secret", admin=True)) == 899001
    page = ok(world.users.all(10, admin=True)).json()
    assert page["total"] == 1 and page["users"][0]["nickname"] == "Boss", page


def friends_and_blacklist(world):
    world.register("alice", "bobby")
    ok(world.users.add_friends("alice", "bobby"), 201)
    assert code(world.users.add_friends("bobby", ["alice"])) == 899070
    friends = ok(world.users.friends("bobby")).json()
    assert friends[0]["username"] == "alice" and friends[0]["appkey"] == world.app["jmessage_appkey"], friends
    ok(world.direct("DELETE", "/v1/users/alice/friends", json=["bobby"]), 204)
    assert ok(world.users.friends("alice")).json() == []
    ok(world.direct("PUT", "/v1/users/alice/blacklist", json=["bobby"]), 204)
    assert code(world.direct("PUT", "/v1/users/alice/blacklist", json=["bobby"])) == 899017


def groups(world):
    world.register("alice", "bobby", "carol")
    group = ok(world.groups.create("alice", "Group", members=["bobby"], desc="about", flag=2), 201).json()
    gid = group["gid"]
    assert ok(world.groups.get(gid)).json()["flag"] == 2
    assert ok(world.groups.all(10)).json()["groups"][0]["gid"] == gid
    ok(world.groups.add_members(gid, "carol"), 204)
    assert code(world.groups.add_members(gid, ["carol"])) == 899011
    ok(world.groups.remove_members(gid, ["alice"]), 204)
    members = {member["username"]: member["flag"] for member in ok(world.groups.members(gid)).json()}
    assert members == {"bobby": 1, "carol": 0}, members
    assert ok(world.users.groups("carol")).json()[0]["gid"] == gid
    # The client forgets the body.
    assert code(world.groups.update_owner(gid, "carol")) == 899003
    silence = f"/v1/groups/messages/{gid}/silence?status=True"
    ok(world.direct("PUT", silence, json=["carol"]), 204)
    ok(world.groups.delete(gid), 204)
    assert code(world.groups.get(gid)) == 899006


def rooms(world):
    world.register("alice", "bobby")
    room = ok(world.rooms.create("alice", "Room", members=["bobby"], desc="about"), 201).json()["chatroom_id"]
    shown = ok(world.rooms.get(room)).json()[0]
    assert (shown["name"], shown["total_member_count"]) == ("Room", 2), shown
    assert ok(world.rooms.all(10)).json()["total"] == 1
    ok(world.rooms.add_silence(room, "bobby"), 204)
    members = {member["username"]: member["flag"] for member in ok(world.rooms.members(room, 10)).json()["users"]}
    assert members == {"alice": 0, "bobby": 1}, members
    ok(world.rooms.remove_silence(room, "bobby"), 204)
    assert ok(world.users.chatrooms("bobby")).json()[0]["id"] == room
    ok(world.rooms.delete(room), 204)
    assert code(world.rooms.get([room])) == 899081


def messages(world):
    world.register("alice", "bobby")
    ok(world.users.create("boss", "secret", admin=True), 201)
    model = Model().set_target("alice", "single").set_from("boss", "admin", name="Boss").text("hello")
    sent = ok(world.messages.send(model.notification(title="t").notifiable().offline()), 201).json()
    gid = ok(world.groups.create("alice", "Group", members=["bobby"]), 201).json()["gid"]
    to_group = Model().set_target(str(gid), "group").set_from("boss", "admin").text("to all")
    second = ok(world.messages.send(to_group), 201).json()
    assert second["msg_id"] > sent["msg_id"] and abs(sent["msg_ctime"] / 1000 - time.time()) < 60
    from_user = Model().set_target("alice", "single").set_from("bobby", "user").text("no")
    assert code(world.messages.send(from_user)) == 899016
    to_nobody = Model().set_target("nobody", "single").set_from("boss", "admin").text("no")
    assert code(world.messages.send(to_nobody)) == 899002

    now = time.time() + 8 * 60 * 60
    when = lambda at: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
    span = {"count": 1, "begin_time": when(now - 600), "end_time": when(now + 60)}
    page = ok(world.direct("GET", "/v2/messages", params=span)).json()
    assert (page["total"], page["messages"][0]["msgid"]) == (2, sent["msg_id"]), page
    rest = ok(world.direct("GET", "/v2/messages", params={"cursor": page["cursor"]})).json()
    assert rest["messages"][0]["target_id"] == str(gid) and "cursor" not in rest, rest
    assert rest["messages"][0]["msg_body"]["text"] == "to all"
    assert ok(world.direct("GET", f"/v2/groups/{gid}/messages", params=span)).json()["total"] == 1

    ok(world.messages.retract("boss", sent["msg_id"]), 204)
    assert code(world.messages.retract("boss", sent["msg_id"])) == 855004
    assert code(world.messages.retract("alice", second["msg_id"])) == 855002


def resources(world):
    content = b"the content of a file"
    file = ok(world.resources.upload_file(("note.txt", io.BytesIO(content)))).json()
    assert (file["fsize"], file["media_crc32"]) == (len(content), zlib.crc32(content)), file
    url = ok(world.resources.download(file["media_id"])).json()["url"]
    assert requests.get(url).content == content
    assert requests.get(url + "0").status_code >= 400

    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 20)) + chunk(b"IEND", b"")
    image = ok(world.resources.upload_image(("a.png", io.BytesIO(b"\x89PNG\r\n\x1a\n" + head + rows)))).json()
    assert (image["width"], image["height"], image["format"]) == (3, 2, "png"), image
    damaged = b"\x89PNG\r\n\x1a\n" + b"and no more"
    assert code(world.resources.upload_image(("a.png", io.BytesIO(damaged)))) == 899003


def words_and_switches(world):
    ok(world.im.add_words(["bad", "worse"]), 204)
    page = ok(world.im.all_words(10)).json()
    assert [word["name"] for word in page["words"]] == ["bad", "worse"], page
    ok(world.direct("PUT", "/v1/sensitiveword", json={"old_word": "bad", "new_word": "evil"}), 204)
    ok(world.direct("DELETE", "/v1/sensitiveword/", json={"word": "worse"}), 204)
    assert ok(world.im.all_words(10)).json()["total"] == 1
    ok(world.im.close_filter(), 204)
    assert ok(world.im.word_status()).json() == {"status": 0}
    ok(world.im.open_sdk(), 204)
    assert ok(world.im.sdk_status()).json() == {"status": 1}


SCENARIOS = [
    credentials, users, admins, friends_and_blacklist, groups, rooms, messages, resources, words_and_switches,
]


def main():
    binary, options = sys.argv[1], sys.argv[2:]
    # 3: nothing was picked, which is for the caller to judge.
    only = options[options.index("--only") + 1] if "--only" in options else ""
    scenarios = [run for run in SCENARIOS if only in f"jmessage: {run.__name__}"]
    if not scenarios or "--sdk" in options or "--where" in options:
        return 3
    server, failed = Server(binary), 0
    try:
        for run in scenarios:
            began = time.monotonic()
            try:
                run(World(server))
                verdict = "ok"
            except Exception:
                traceback.print_exc()
                verdict = "FAILED"
                failed += 1
            print(f"{verdict:6} jmessage: {run.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    finally:
        server.stop()
    print(f"{len(scenarios) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


sys.exit(main())
