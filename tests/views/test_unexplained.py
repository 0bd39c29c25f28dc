"""The errors that nobody can explain, for administrators."""

import pytest

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_attempts import AT
from trunks.models import Role, UnknownError, User


def test_administrators_see_unexplained_errors_of_their_masters(
    signed_in: SignedIn, administrator: User, estate: cast.Estate
) -> None:
    assert (
        "Every error so far has an explanation." in signed_in(administrator).get("/errors/").content.decode()
    )
    for master, message in ((estate.master, "Odd <thing>"), (estate.foreign_master, "Foreign")):
        UnknownError.objects.create(
            master=master,
            status=400,
            code=3000,
            message=message,
            count=7,
            first_seen_at=AT,
            last_seen_at=AT,
            tracking_id="rid=1",
        )
    content = signed_in(administrator).get("/errors/").content.decode()
    for text in ("Odd &lt;thing&gt;", "Foreign", "3000", "rid=1"):
        assert text in content
    own = cast.person("Amy Admin", Role.ADMINISTRATOR, master=estate.master)
    assert "Foreign" not in signed_in(own).get("/errors/").content.decode()


@pytest.mark.sqlite
@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2026-11-28"])
def test_a_place_at_a_moment_that_no_page_names_shows_the_first_page(
    signed_in: SignedIn, administrator: User, moment: str
) -> None:
    answer = signed_in(administrator).get("/errors/", {"after": f'["{moment}", 1]'})
    assert answer.status_code == 200


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "stranger"])
def test_unexplained_errors_are_for_administrators(
    signed_in: SignedIn, request: pytest.FixtureRequest, who: str
) -> None:
    assert signed_in(request.getfixturevalue(who)).get("/errors/").status_code == 403
