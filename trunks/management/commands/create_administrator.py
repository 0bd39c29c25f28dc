"""Make the first administrator, or one more where nobody can sign in any more."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trunks.management import whose
from trunks.models import Invitation, Role, User
from trunks.workflow import invitations, roles
from trunks.workflow.errors import Invalid, Stale
from trunks.workflow.invitations import Offer, Sent


class Command(BaseCommand):
    help = (
        "Print a link with which somebody makes their account, as administrator of all master accounts. It works once,"
        " for 72 hours; run again, this prints a new link and voids the old one. Somebody who has an account already is"
        " given the role instead."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        person = User.objects.filter(email=email).first()
        try:
            if person is not None:
                roles.grant(person, actor=None, role=Role.ADMINISTRATOR, why=whose())
                self.stdout.write(f"{person} has an account and is administrator of all master accounts now.")
                return
            sent = _link(email, options["name"])
        except (Invalid, Stale) as error:
            raise CommandError(error.reason) from error
        self.stdout.write(f"Open this link to make the account; it works once, for 72 hours:\n{sent.link}")


def _link(email: str, name: str) -> Sent:
    invited = Invitation.objects.open().filter(email=email).first()
    if invited is not None and invited.roles == [Role.ADMINISTRATOR] and invited.for_all_masters:
        return invitations.renew(invited, actor=None, why=whose(), by_mail=False)
    offer = Offer(email=email, name=name, wanted=[Role.ADMINISTRATOR])
    return invitations.invite(offer, actor=None, why=whose(), by_mail=False)
