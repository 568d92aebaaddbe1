#!/usr/bin/env python3
"""Writes the sample logs beside it: one made-up incident, the same bytes on every run.

Usage: python3 generate_logs.py [--check]     (--check writes nothing and exits 1 where a file differs)
"""

import json
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).parent / "logs"
DAY = datetime(2026, 11, 20, tzinfo=timezone.utc)
chance = random.Random(20261120)


def at(clock, seconds=0):
    hour, minute, second = (int(part) for part in clock.split(":"))
    return DAY + timedelta(hours=hour, minutes=minute, seconds=second + seconds)


class AuthLog:
    """auth.log of the host `bastion`, as rsyslog of Debian 12 stamps it."""

    def __init__(self):
        self.lines = []
        self.pid = 2100

    def add(self, time, message, program="sshd", pid=None):
        self.lines.append((time, f"bastion {program}[{pid or self.pid}]: {message}"))

    def text(self):
        """Lines of one second follow each other by some milliseconds."""
        out, last, micros = [], None, 0
        for time, line in sorted(self.lines, key=lambda pair: pair[0]):
            micros = micros + chance.randint(900, 9000) if time == last else chance.randint(1000, 400000)
            out.append(f"{time:%Y-%m-%dT%H:%M:%S}.{micros:06d}+00:00 {line}\n")
            last = time
        return "".join(out)

    def next(self):
        self.pid += chance.randint(1, 9)
        return chance.randint(32768, 60999)

    def accepted(self, time, user, ip, method="publickey", key="ED25519 SHA256:", stays=1800):
        port = self.next()
        tail = f": {key}{fingerprint(user)}" if method == "publickey" else ""
        self.add(time, f"Accepted {method} for {user} from {ip} port {port} ssh2{tail}")
        self.add(time, f"pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)")
        end = time + timedelta(seconds=stays)
        pid = self.pid
        self.add(end, f"Received disconnect from {ip} port {port}:11: disconnected by user", pid=pid)
        self.add(end, f"Disconnected from user {user} {ip} port {port}", pid=pid)
        self.add(end, f"pam_unix(sshd:session): session closed for user {user}", pid=pid)

    def failed(self, time, user, ip, valid=True, new_connection=True, port=None, misnamed=False):
        port = port or self.next()
        if misnamed:
            self.add(time, f"reverse mapping checking getaddrinfo for host9.example.net [{ip}] failed.")
        if not valid and new_connection:
            self.add(time, f"Invalid user {user} from {ip} port {port}")
        if not valid:
            self.add(time, "pam_unix(sshd:auth): check pass; user unknown")
        known = f"  user={user}" if valid else " "
        self.add(time, "pam_unix(sshd:auth): authentication failure; "
                       f"logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}{known}")
        name = user if valid else f"invalid user {user}"
        after = time + timedelta(seconds=2)
        self.add(after, f"Failed password for {name} from {ip} port {port} ssh2")
        return port


def fingerprint(name):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    own = random.Random(name)
    return "".join(own.choice(alphabet) for _ in range(43))


def auth_log():
    log = AuthLog()
    log.add(at("06:00:01"), "Server listening on 0.0.0.0 port 22.", pid=811)
    log.add(at("06:00:01"), "Server listening on :: port 22.", pid=811)
    for hour in range(6, 18):
        log.add(at(f"{hour:02}:17:01"), "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
                program="CRON", pid=3000 + hour)
        log.add(at(f"{hour:02}:17:01"), "pam_unix(cron:session): session closed for user root",
                program="CRON", pid=3000 + hour)
        log.accepted(at(f"{hour:02}:30:{chance.randint(0, 59):02}"), "deploy", "192.0.2.50", stays=40)
    log.accepted(at("07:52:14"), "alice", "192.0.2.10", stays=15000)
    log.accepted(at("08:05:40"), "carol", "2001:db8:20::5", stays=9000)
    port = log.failed(at("08:31:03"), "bob", "192.0.2.23")
    log.add(at("08:31:13"), f"Accepted password for bob from 192.0.2.23 port {port} ssh2")
    log.add(at("08:31:13"), "pam_unix(sshd:session): session opened for user bob(uid=1002) by (uid=0)")
    log.accepted(at("13:10:09"), "alice", "192.0.2.10", stays=12000)
    log.accepted(at("14:02:44"), "carol", "2001:db8:20::5", stays=5000)

    # A scanner looks at the door.
    for time, message in [
        ("08:12:01", "Did not receive identification string from 198.51.100.77 port 40112"),
        ("08:12:03", "Bad protocol version identification 'GET / HTTP/1.1' from 198.51.100.77 port 40120"),
        ("08:12:06", "Unable to negotiate with 198.51.100.77 port 40131: no matching host key type found. "
                     "Their offer: ssh-rsa,ssh-dss [preauth]"),
    ]:
        log.next()
        log.add(at(time), message)

    # Passwords guessed from 203.0.113.9, until `backup` has a bad one.
    time = at("09:30:02")
    for user, valid, connections in [("root", True, 7), ("admin", False, 2), ("oracle", False, 1), ("backup", True, 4)]:
        for _ in range(connections):
            port = log.failed(time, user, "203.0.113.9", valid, misnamed=True)
            if user == "root":
                time += timedelta(seconds=9)
                log.add(time, f"message repeated 3 times: [ Failed password for root from 203.0.113.9 port {port} ssh2]")
                log.add(time, f"error: maximum authentication attempts exceeded for root from 203.0.113.9 port {port} ssh2 [preauth]")
                log.add(time, f"Disconnecting authenticating user root 203.0.113.9 port {port}: Too many authentication failures [preauth]")
                log.add(time, "PAM 3 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root")
            else:
                for _ in range(2):
                    time += timedelta(seconds=4)
                    log.failed(time, user, "203.0.113.9", valid, new_connection=False, port=port)
                log.add(time + timedelta(seconds=2), f"Connection closed by {'authenticating' if valid else 'invalid'} user {user} 203.0.113.9 port {port} [preauth]")
            time += timedelta(seconds=chance.randint(5, 12))
    log.accepted(at("09:36:31"), "backup", "203.0.113.9", method="password", stays=2700)

    # A few passwords tried on many names, by three hosts, slowly enough for a lock-out rule not to notice.
    names = "anna ben chen dora emil fay gus hana ivan jo kai lea".split()
    for index, host in enumerate(["198.51.100.14", "198.51.100.15", "198.51.100.16"]):
        for step, name in enumerate(names):
            moment = at(f"11:{2 + 12 * index:02}:00", step * 37 + chance.randint(0, 9))
            port = log.failed(moment, name, host, valid=False)
            log.add(moment + timedelta(seconds=3), f"Connection closed by invalid user {name} {host} port {port} [preauth]")

    # The same over IPv6, one account.
    for step in range(8):
        moment = at("15:40:00", step * 21)
        port = log.failed(moment, "root", "2001:db8:bad::66")
        log.add(moment + timedelta(seconds=3), f"Received disconnect from 2001:db8:bad::66 port {port}:11: Bye Bye [preauth]")

    # Somebody who exists and may not.
    log.next()
    log.add(at("16:20:10"), "User www-data from 198.51.100.77 not allowed because not listed in AllowUsers")
    log.failed(at("16:20:11"), "www-data", "198.51.100.77", valid=False, new_connection=False)
    return log.text()


def access_log():
    """access.log of nginx on `web1`: combined format, a virtual host's own time zone."""
    zone = timezone(timedelta(hours=1))
    lines = []

    def add(time, ip, user, method, path, status, size, agent, referer="-"):
        stamp = time.astimezone(zone).strftime("%d/Nov/%Y:%H:%M:%S %z")
        lines.append((time, f'{ip} - {user} [{stamp}] "{method} {path} HTTP/1.1" {status} {size} "{referer}" "{agent}"'))

    browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    pages = ["/", "/orders", "/orders/17", "/static/app.css", "/static/app.js", "/reports?month=10", "/api/orders?page=2"]
    for step in range(220):
        ip = chance.choice(["192.0.2.10", "192.0.2.23", "192.0.2.31", "2001:db8:20::5", "2001:db8:20::8"])
        add(at("07:00:00", step * 170 + chance.randint(0, 90)), ip, "-", "GET", chance.choice(pages),
            chance.choice([200, 200, 200, 200, 304, 302]), chance.randint(200, 9000), browser, "https://shop.example.com/")
    # A browser is asked for credentials, once, and then has them.
    add(at("08:40:00"), "192.0.2.31", "-", "GET", "/reports", 401, 188, browser)
    add(at("08:40:09"), "192.0.2.31", "dora", "GET", "/reports", 200, 5120, browser)
    add(at("10:15:00"), "192.0.2.23", "bob", "GET", "/admin", 403, 153, browser)
    # From inside, as `backup`: what is there, and what may this account do?
    probe = ["/admin", "/admin/users", "/admin/keys", "/api/keys", "/api/users", "/api/tokens", "/backup.tar.gz", "/.env",
             "/.git/config", "/config.json", "/internal/metrics", "/actuator/env", "/server-status", "/api/orders/export",
             "/api/audit", "/api/policies", "/debug/vars", "/console", "/phpmyadmin/", "/wp-login.php", "/api/billing", "/api/roles"]
    for step, path in enumerate(probe):
        add(at("09:45:00", step * 7), "203.0.113.9", "backup", "GET", f"{path}?t={step}", 403, 153, "curl/8.5.0")
    for step in range(6):
        add(at("09:48:30", step), "203.0.113.9", "admin", "POST", "/api/tokens", 401, 172, "curl/8.5.0")
    for step in range(24):
        add(at("09:49:00", step), "203.0.113.9", "backup", "GET", f"/api/orders/{step}", 429, 169, "curl/8.5.0")
    add(at("09:52:00"), "198.51.100.77", "-", "-", "-", 400, 0, "-")
    lines[-1] = (lines[-1][0], lines[-1][1].replace('"- - HTTP/1.1"', r'"\x16\x03\x01\x00\xee"'))
    lines.sort(key=lambda pair: pair[0])
    return "".join(line + "\n" for _, line in lines)


def events():
    """events.jsonl of the service `orders`, which publishes to veribus itself."""
    lines = []
    instance = 0x6F72646572730001
    sequence = [0, 0]

    def add(time, kind, action, severity, outcome, **fields):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{chance.randint(0, 999999999):09d}Z"
        common = {"time": stamp, "kind": kind, "action": action, "severity": severity, "outcome": outcome}
        lines.append(common | fields)

    def identified(event):
        """Two threads publish: the lane and its next number."""
        lane = chance.randint(0, 1)
        sequence[lane] += 1
        return {"id": f"{instance:016x}{lane:04x}{sequence[lane]:012x}"} | event

    def trace():
        return f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-01"

    for step in range(80):
        user, ip = chance.choice([("alice", "192.0.2.10"), ("bob", "192.0.2.23"), ("carol", "2001:db8:20::5")])
        time, context = at("07:30:00", step * 400 + chance.randint(0, 200)), trace()
        add(time, "authentication", "jwt.signature", "informational", "success", actor={"name": user, "ip": ip},
            target={"name": "orders", "kind": "service"}, trace=context, duration_ns=chance.randint(28000, 41000),
            method="jwt", credential=f"key-2026-{user}")
        add(time + timedelta(seconds=1), "authorization", "permission_check", "informational", "success",
            actor={"name": user, "ip": ip}, target={"name": f"orders/{chance.randint(1, 40)}", "kind": "order"},
            trace=context, duration_ns=chance.randint(900, 4000), permission="orders:read", policy="orders-v3")
    actor = {"name": "backup", "ip": "203.0.113.9"}
    for step in range(7):
        add(at("09:50:10", step * 3), "authentication", "jwt.signature", "low", "failure", reason="bad_signature",
            actor=actor, target={"name": "orders", "kind": "service"}, trace=trace(), method="jwt",
            attributes={"algorithm": "none" if step < 3 else "HS256"})
    # A token of alice, used from where alice is not.
    for step in range(3):
        add(at("09:51:00", step * 5), "authentication", "jwt.signature", "informational", "success",
            actor={"name": "alice", "ip": "203.0.113.9"}, target={"name": "orders", "kind": "service"}, trace=trace(),
            duration_ns=31000 + step, method="jwt", credential="key-2026-alice")
    add(at("09:50:55"), "authentication", "jwt.signature", "informational", "success",
        actor={"name": "alice", "ip": "192.0.2.10"}, target={"name": "orders", "kind": "service"}, trace=trace(),
        duration_ns=30550, method="jwt", credential="key-2026-alice")
    for step in range(12):
        add(at("09:51:30", step * 4), "authorization", "permission_check", "low", "failure", reason="not_granted",
            actor={"name": "alice", "ip": "203.0.113.9"}, target={"name": f"customers/{step + 1}", "kind": "customer"},
            trace=trace(), permission="customers:export", policy="customers-v1")
    add(at("09:53:40"), "configuration", "policy.update", "medium", "success", actor=actor,
        target={"name": "orders", "kind": "service"}, trace=trace(), setting="audit.export", old_value="on", new_value="off")
    add(at("09:58:12"), "security", "integrity.mismatch", "critical", "failure", reason="hash_differs",
        target={"name": "/usr/local/bin/export", "kind": "file"}, technique="T1554", rule="file-integrity", score=90)
    for hour in range(8, 18):
        add(at(f"{hour:02}:00:00"), "performance", "verify.latency", "informational", "success",
            value=round(chance.uniform(0.000029, 0.000036), 9), unit="seconds", count=chance.randint(14000, 22000), errors=0)
    lines.sort(key=lambda event: event["time"])
    return "".join(json.dumps(identified(event), separators=(",", ":")) + "\n" for event in lines)


def main():
    differs = []
    for name, text in [("auth.log", auth_log()), ("access.log", access_log()), ("events.jsonl", events())]:
        path = HERE / name
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="ascii", newline="\n")
        elif not path.is_file() or path.read_text(encoding="ascii") != text:
            differs.append(name)
    if differs:
        sys.exit(f"not what generate_logs.py writes: {', '.join(differs)}")


if __name__ == "__main__":
    main()
