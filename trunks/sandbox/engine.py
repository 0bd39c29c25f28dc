"""From a complete call to a complete answer: gates, operation, refusals."""

import logging

from trunks.sandbox import auth, routes
from trunks.sandbox.errors import Refusal
from trunks.sandbox.exchange import Answer, Call, Context, internal_error, json_answer
from trunks.sandbox.journal import Entry
from trunks.sandbox.limits import Limits
from trunks.sandbox.world import World

logger = logging.getLogger("trunks.sandbox")


class Engine:
    """Answers calls as Zoom would, and notes in the journal entry what happened."""

    def __init__(self, world: World, limits: Limits) -> None:
        """Work on `world`, count against `limits`; the address is known once the server listens."""
        self._world = world
        self._limits = limits
        self.url = ""

    def answer(self, call: Call, entry: Entry) -> Answer:
        """Return the answer to one call; a refusal is an answer, too."""
        try:
            done = self._token(call) if call.path == routes.TOKEN_PATH else self._operation(call, entry)
        except Refusal as refused:
            done = json_answer(refused.status, refused.body, refused.headers)
        except OSError as error:
            # The change is made and would be lost in a restart: as with Zoom, a 500 proves nothing.
            logger.error("The state cannot be written: %s", error)
            done = internal_error()
        entry.result = done.status
        return done

    def _token(self, call: Call) -> Answer:
        if call.method != "POST":
            raise routes.not_allowed(call.method, ["POST"])
        return json_answer(200, auth.issue_token(self._world, call, self.url))

    def _operation(self, call: Call, entry: Entry) -> Answer:
        route, variables = routes.find(call.method, call.path)
        entry.operation = route.name
        app, caller = auth.authenticate(self._world, call)
        entry.account_id, entry.client_id = caller.id, app.client_id
        # Scopes before limits: a token that may not call does not use up the account's share.
        auth.require_scope(app, route.classic, route.granular)
        self._limits.take(caller, route.label)
        context = Context(call, caller, app, variables)
        try:
            with self._world.lock:
                return route.operation(self._world, context)
        finally:
            entry.applied = context.applied
