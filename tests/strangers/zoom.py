"""A Zoom that nobody here has seen. It shares no line with the sandbox, so that no mistake is made twice."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.strangers.habits import Fault, Habits
from tests.strangers.ledger import MASTER, TRUNKS, Ledger, Row
from tests.strangers.wire import HTML, Asked, Reply

SUBS = ("Zb_1-aQ", "268", "q6gBJVO5TzexKYTb_I2rpQ", "NoPlan")
NO_PLAN = "NoPlan"
EN = "Request failed because this account is not enrolled in SIP Connected Audio plan."
NP = (
    "Your account does not have the permission to make updates on this account. "
    "Only a master account can perform this action on a sub account."
)
PLANLESS: dict[str, tuple[int, int, str]] = {
    "400/300": (400, 300, EN),
    "404/2001": (404, 2001, f"Account does not exist: {NO_PLAN}."),
    "400/2001": (400, 2001, "This account does not exist or does not belong to you."),
    "401/124": (401, 124, f"Account does not exist: {NO_PLAN}."),
    "200/2001": (200, 2001, "Account does not exist"),
    "500": (500, 500, "Oops"),
    "403": (403, 0, "Forbidden"),
    "400/300 NP": (400, 300, NP),
}


class Stranger:
    """Answers requests by its habits; time is what `now` says, for lists and limits alike."""

    def __init__(self, habits: Habits, now: Callable[[], float]) -> None:
        self.habits, self.now = habits, now
        self.chance = random.Random(habits.seed + 1)  # noqa: S311  # repeatable on purpose
        self.ledger = Ledger(habits, now)
        for account_id in SUBS:
            self.ledger.open_account(account_id)
        self.tokens: dict[str, float] = {}
        self.young: set[str] = set()
        self.calls: list[str] = []
        self.flights: list[tuple[float, str, str, Any]] = []
        self._cursor, self._seconds = 0, list[float]()
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Reply:
        """Answer one request. What was under way lands first."""
        with self._lock:
            self.land()
            path = unquote(urlsplit(asked.target).path)
            fault = self._fault("token" if path == "/oauth/token" else asked.method)
            if path == "/oauth/token":
                return self._spoilt(fault, self._token(asked))
            return self._api(asked, path, fault)

    def land(self) -> None:
        """Carry out the writes whose moment has come, as of that moment: nobody may have called since."""
        for flight in sorted((one for one in self.flights if one[0] <= self.now()), key=itemgetter(0)):
            self.flights.remove(flight)
            self._write(*flight[1:], at=flight[0])

    # --- the token

    def _token(self, asked: Asked) -> Reply:
        form = parse_qs(asked.body.decode())
        basic = base64.b64decode(asked.headers.get("authorization", "Basic ").split()[1]).decode()
        if basic != "client:secret-of-the-app":
            return said(400, reason="Invalid client_id or client_secret", error="invalid_client")
        if form != {"grant_type": ["account_credentials"], "account_id": [MASTER]}:
            return said(400, reason="unsupported grant type", error="unsupported_grant_type")
        value = f"eyJ.{self.chance.getrandbits(60):x}"
        if self.habits["token_rule"] == "the newest lives":
            self.tokens.clear()
        life = 2 if self.habits["token_life"] == "two seconds" else 3600
        self.tokens[value] = time.monotonic() + life
        self.young = {value}
        return _json(200, self._token_body(value, life))

    def _token_body(self, value: str, life: int) -> dict[str, object]:
        scopes = ["account:master", "sip_trunk:master"]
        bodies: dict[str, dict[str, object]] = {
            "bare": {"access_token": value} | ({} if life == 3600 else {"expires_in": life}),
            "life as text": {"expires_in": str(life), "token_type": "Bearer"},
            "life as float": {"expires_in": float(life)},
            "scopes with commas": {"expires_in": life, "scope": ", ".join(scopes)},
            "scopes as list": {"expires_in": life, "scope": scopes},
        }
        full = {
            "token_type": "bearer",
            "expires_in": life,
            "scope": " ".join(scopes),
            "api_url": "https://x.example",
        }
        return {"access_token": value, **bodies.get(self.habits["token_body"], full)}

    # --- the API

    def _api(self, asked: Asked, path: str, fault: Fault | None) -> Reply:
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(bearer, 0) < time.monotonic() or (fault and fault.kind == "401"):
            return said(401, code=124, message="Invalid access token.")
        if self.habits["token_dies"] != "never" and bearer not in self.young and self.chance.random() < 0.1:
            del self.tokens[bearer]
            return said(401, code=124, message="Access token is expired.")
        if self._too_many() or (fault and fault.kind == "429"):
            return self._limited()
        self.young.discard(bearer)
        _, _, *parts = path.split("/")
        if asked.method == "GET":
            return self._spoilt(fault, self._read(parts, parse_qs(urlsplit(asked.target).query)))
        return self._spoilt(fault, self._changed(asked, parts, fault))

    def _changed(self, asked: Asked, parts: list[str], fault: Fault | None) -> Reply:
        body = json.loads(asked.body) if asked.body else None
        self.calls.append(f"{asked.method} {'/'.join(parts)} {asked.body.decode()}")
        if fault is None or fault.effect == "before":
            first = self._write(asked.method, "/".join(parts), body, at=self.now())
            return self._repeated(asked.method, first) if first.status < 300 else first
        if fault.effect == "late":
            lands = self.now() + min(fault.seconds, 55 - float(self.habits["list_delay"]))
            self.flights.append((lands, asked.method, "/".join(parts), body))
        return said(201, sip_trunks=[])

    def _repeated(self, method: str, first: Reply) -> Reply:
        """Return what is answered when the proxy is through with a call that was carried out."""
        if method == "DELETE" and self.habits["repeats"] != "none":
            return self._deleted(there=False)
        # One that would be carried out twice is Zoom's own doing.
        if method == "POST" and self.habits["repeats"] == "all" and self.habits["again"] == "refused":
            return said(400, code=300, message="The trunk has already been assigned.")
        return first

    def _write(self, method: str, path: str, body: Any, *, at: float) -> Reply:
        _, account_id, *rest = path.split("/")
        if account_id not in self.ledger.accounts:
            return said(404, code=2001, message=f"Account does not exist: {account_id}.")
        if method == "DELETE":
            return self._deleted(there=self.ledger.remove(account_id, rest[-1], at))
        if refusal := self.ledger.assign(account_id, body["sip_trunks"], at):
            return self._refused(refusal)
        rows = [{"id": item["id"], "dnis": item["dnis"], "number_prefix": "0"} for item in body["sip_trunks"]]
        replies = {
            "201 nothing": Reply(201),
            "204": Reply(204),
            "200 object": _json(200, {}),
            "200 code": said(200, code=200, message="OK"),
            "202 text": Reply(202, b"Accepted"),
        }
        return replies.get(self.habits["assign_answer"], said(201, sip_trunks=rows))

    def _refused(self, words: str) -> Reply:
        more: dict[str, object] = {"sip_trunks": []} if self.habits["refusal"] == "200 with a list" else {}
        return said(int(self.habits["refusal"][:3]), code=300, message=words, **more)

    def _deleted(self, *, there: bool) -> Reply:
        if not there:
            return said(int(self.habits["delete_unknown"]), code=300, message="Invalid parameter: trunkId.")
        replies = {"200 body": said(200, deleted=True), "200": Reply(200), "202 text": Reply(202, b"gone")}
        return replies.get(self.habits["delete_answer"], Reply(204))

    def _read(self, parts: list[str], query: dict[str, list[str]]) -> Reply:
        if parts == ["accounts"]:
            return self._accounts(query)
        account_id = parts[1]
        if account_id in ("me", MASTER):
            rows = [self._row(Row(id_, id_, dnis), address) for id_, (dnis, address) in TRUNKS.items()]
            return self._listed(rows, query)
        if account_id == NO_PLAN and self.habits["no_plan"] != "none":
            status, code, message = PLANLESS[self.habits["no_plan"]]
            return said(status, code=code, message=message)
        if account_id not in self.ledger.accounts:
            return said(404, code=2001, message=f"Account does not exist: {account_id}.")
        shown = [self._row(row, TRUNKS[row.trunk_id][1]) for row in self.ledger.shown(account_id)]
        return self._listed(shown, query)

    def _listed(self, rows: list[dict[str, object]], query: dict[str, list[str]]) -> Reply:
        total: dict[str, object] = {"total_records": len(rows)}
        if self.habits["total"] != "right" and rows:
            totals: dict[str, dict[str, object]] = {"wrong": {"total_records": 1}, "absent": {}}
            total = totals.get(self.habits["total"], {"total_records": str(len(rows))})
        if self.habits["order"] != "oldest first":
            rows = rows[::-1]
        if not rows and self.habits["no_rows"] != "empty list":
            return _json(200, total | ({"sip_trunks": None} if self.habits["no_rows"] == "null" else {}))
        body: dict[str, object] = {**total, "sip_trunks": rows}
        if self.habits["trunk_pages"] == "token ignored" and rows:
            body["next_page_token"] = "more"
        elif self.habits["trunk_pages"] == "one each":
            start = int(query.get("next_page_token", ["0"])[0])
            more = str(start + 1) if start + 1 < len(rows) else ""
            body |= {"sip_trunks": rows[start : start + 1], "next_page_token": more}
        if self.habits["order"] == "shuffled" and self.habits["trunk_pages"] != "one each":
            self.chance.shuffle(rows)
        return self._json(200, body)

    def _row(self, row: Row, address: str) -> dict[str, object]:
        id_, dnis = self.ledger.shown_id(row), row.dnis
        shown: dict[str, object] = {"id": int(id_) if self.habits["id_type"] == "number" else id_}
        shown["dnis"] = {"number": int(dnis), "spaces": f" {dnis} "}.get(self.habits["dnis_type"], dnis)
        plain: dict[str, object] = {
            "name": f"Trunk {id_}",
            "sip_server_address": address,
            "number_prefix": "0",
        }
        odd: dict[str, object] = {
            "name": 7,
            "sip_server_address": [address],
            "number_prefix": 0,
            "active": True,
        }
        rows = {"sparse": {}, "nulls": dict.fromkeys(plain), "odd": odd}
        return shown | rows.get(self.habits["trunk_row"], plain) | self._caller_id(row.caller_id)

    def _caller_id(self, caller_id: str) -> dict[str, object]:
        habit = self.habits["caller_id"]
        if habit == "omitted" or (habit == "sometimes" and self.chance.random() < 0.5):
            return {}
        bare = caller_id.removeprefix("+").removeprefix("00")
        spelt = {"null": None, "empty": "", "no plus": bare, "double zero": f"00{bare}" if bare else ""}
        spelt["another"] = "+18005550111" if caller_id else ""
        spelt["sip address"] = f"sip:{caller_id}@192.0.2.17" if caller_id else ""
        return {"outbound_caller_id": spelt.get(habit, caller_id)}

    def _accounts(self, query: dict[str, list[str]]) -> Reply:
        rows = [self._account(id_, number) for number, id_ in enumerate(SUBS)]
        if self.habits["master_is_listed"] == "yes":
            rows.insert(0, self._account(MASTER, 9))
        size = {"one": 1, "two": 2}.get(self.habits["page_size"], int(query.get("page_size", ["30"])[0]))
        pages = [rows[start : start + size] for start in range(0, len(rows), size)]
        if self.habits["empty_page"] == "yes":
            pages.insert(1, [])
        token = query.get("next_page_token", [""])[0]
        always = self.habits["page_token"] == "always the same"
        self._cursor = (self._cursor + 1 if always else int(token)) if token else 0
        page = pages[min(self._cursor, len(pages) - 1)]
        body: dict[str, object] = {"page_size": size, "total_records": 3, "accounts": page}
        if self._cursor + 1 < len(pages):
            body["next_page_token"] = "again" if always else str(self._cursor + 1)
        elif self.habits["last_token"] != "absent":
            body["next_page_token"] = None if self.habits["last_token"] == "null" else ""
        return self._json(200, body)

    def _account(self, id_: str, number: int) -> dict[str, object]:
        numbers = {"text": "10010370036", "null": None, "float": 10010370036.0}
        plain: dict[str, object] = {
            "account_name": f"Customer {number}",
            "owner_email": f"owner-{number}@example.com",
            "seats": 5,
            "subscription_start_time": "",
            "created_at": "2025-01-01T00:00:00Z",
        }
        if self.habits["account_number"] != "absent":
            plain["account_number"] = numbers.get(self.habits["account_number"], 10010370036)
        odd: dict[str, object] = {
            "account_name": 1984,
            "owner_email": {"a": 1},
            "created_at": 1,
            "options": {},
        }
        rows = {"sparse": {}, "nulls": dict.fromkeys(plain), "odd": odd}
        return {"id": id_, **rows.get(self.habits["account_row"], plain)}

    # --- limits and faults

    def _too_many(self) -> bool:
        if self.habits["limit"] == "none":
            return False
        self._seconds = [at for at in self._seconds if at > self.now() - 1]
        self._seconds.append(self.now())
        return len(self._seconds) > int(self.habits["limit"])

    def _limited(self) -> Reply:
        soon = datetime.now(UTC) + timedelta(seconds=2)
        values = {
            "absent": "",
            "date": format_datetime(soon, usegmt=True),
            "iso": soon.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "iso local": soon.strftime("%Y-%m-%dT%H:%M:%S"),
            "epoch": str(int(soon.timestamp())),
            "epoch ms": str(int(soon.timestamp() * 1000)),
        }
        value = values.get(self.habits["retry_after"], self.habits["retry_after"])
        reply = said(
            429, code=429, message="You have reached the maximum per-second rate limit for this API."
        )
        reply.headers["Retry-After"] = value
        return reply

    def _fault(self, hits: str) -> Fault | None:
        for fault in self.habits.faults:
            if fault.hits == hits:
                if fault.skip:
                    fault.skip -= 1
                    return None
                self.habits.faults.remove(fault)
                return fault
        return None

    def _spoilt(self, fault: Fault | None, honest: Reply) -> Reply:
        if fault is None:
            return honest
        if fault.kind in ("500", "502", "503", "504"):
            return Reply(int(fault.kind), HTML)
        if fault.kind == "html":
            return Reply(200, HTML)
        if fault.kind == "nothing":
            return Reply(honest.status) if honest.status != 204 else Reply(200)
        if fault.kind in ("reset", "reset after headers", "half", "hang"):
            honest.spoilt = fault.kind
        return honest

    def _json(self, status: int, body: object) -> Reply:
        text = json.dumps(body, ensure_ascii=self.habits["encoding"] == "escaped").encode()
        return Reply(status, (b"\xef\xbb\xbf" if self.habits["encoding"] == "mark" else b"") + text)


def _json(status: int, body: object) -> Reply:
    return Reply(status, json.dumps(body).encode())


def said(status: int, **body: object) -> Reply:
    """Return an answer with the words of `body`; a 204 has none."""
    return Reply(204) if status == 204 else _json(status, body)
