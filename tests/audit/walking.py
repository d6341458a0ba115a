"""In which state, and by whom, is each address asked, so that it has something to do?

Rows and state are made before anybody counts entries; what is counted is what the one request after it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client, override_settings

from accounts import isolation
from accounts.http import Refusal
from accounts.identity import links
from accounts.identity.base import Proof
from accounts.identity.store.models import Account, MailedLink
from accounts.jobs import enqueue
from accounts.models import Membership, Role
from accounts.services import invitations, workspaces
from accounts.tenancy.context import whole_workspace
from agents.models import Agent
from agents.vendors import services as vendors
from aiaxis.imports.models import WorkspaceImport
from audit import coverage, entries, ledger
from audit.checks.models import Proof as IsolationProof
from audit.notices import operating
from audit.notices.models import Rule
from audit.reviews import services as reviews
from conversations.models import Conversation
from files import jobs as reading
from files import storage
from files.models import File
from tests import doors
from tests.accounts.glass import stage as glass
from tests.accounts.operating import olga
from tests.audit.desks import desk_for, ids_of, put
from tests.audit.notices import desk as notices_desk
from tests.authenticators import Authenticator
from tests.cast import ACME, ADA, ALICE, BOB, CHARLIE, OLGA, PASSWORD, Person, acting
from tests.doors import browser
from tests.factories import Desk


@dataclass
class Walk:
    """Everything with which one address is asked."""

    client: Client
    ids: dict[str, str]
    form: dict[str, Any]


def _a_kept_trail(walk: Walk) -> None:
    """What came with an import and can be fetched."""
    with acting(ALICE):
        key = storage.new_key()
        put(key, b"{}\n")
        WorkspaceImport.objects.filter(pk=walk.ids["workspace_import_id"]).update(status="done", trail_key=key)


def _an_empty_workspace(walk: Walk) -> None:
    """An import fills an empty one; what is in the file is for the job."""
    with whole_workspace(ACME.id):
        for model in (Conversation, Agent, File):
            model.objects.all().delete()
    walk.form = {"file": SimpleUploadedFile("workspace.zip", b"PK")}


def walk_for(name: str, form: dict[str, Any], made: Desk | None, client: Client) -> Walk:
    """Who asks, for which rows of this desk, if of any; with the form, and what only these rows can tell it."""
    walk = Walk(client, ids_of(desk_for(name, made)) if made else {}, dict(form))
    if name.startswith("operator:audit_"):
        _operators_rows(name, walk)
    if name.startswith(("operator:review_", "operator:audit_entry_")):
        _a_refusal(walk)
    if name.startswith("operator:accounts_user_"):
        doors.program(BOB)
        walk.ids |= {"row_id": str(BOB.user_id), "member_id": str(BOB.membership_id)}
    if name.startswith("operator:accounts_workspace_"):
        walk.ids["row_id"] = str(ACME.id)
    if name.startswith(("operator:glass_", "operator:accounts_visit_")):
        _a_visit(name, walk)
    if name in PREPARED:
        PREPARED[name](walk)
    return walk


def _operators_rows(name: str, walk: Walk) -> None:
    """A channel of the operators, a message to it that was given up, and a rule; the address names one of them."""
    channel = notices_desk.operators_channel("on-call@aiaxis.test", "email")
    operating.test_channel(operator=notices_desk.OLGA, channel=channel)
    if name.endswith("channel_resume"):
        operating.change_channel(operator=notices_desk.OLGA, channel=channel, act="pause")
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE audit_message SET state = 'dead', ended_at = now() RETURNING id")
        [(message,)] = cursor.fetchall()
    rule = Rule.objects.using("owner").order_by("position", "id")[0].pk
    walk.ids["row_id"] = str({"operatorchannel": channel, "message": message, "rule": rule}.get(name.split("_")[1]))


def _a_refusal(walk: Walk) -> None:
    """Something of Bob's was refused; he has a session and a key to lose."""
    doors.program(BOB)
    entry = entries.denial(None, status=404, refusal=Refusal("not_found", "request.refused"), actor=BOB.tenant)
    ledger.post([entries.encode(entry)])
    walk.ids |= {"fingerprint": entry["fingerprint"], "entry_id": entry["id"], "row_id": entry["id"]}


def _a_visit(name: str, walk: Walk) -> None:
    """An operator's visit to Acme: open in this browser, or of another operator who waits for this one."""
    act, walk.ids["place_id"] = name.removeprefix("operator:glass_"), str(ACME.id)
    if act in ("new", "ask"):
        return
    asker = doors.operator(glass.second_operator()) if act in ("approve", "decline") else walk.client
    walk.ids["visit_id"] = str(glass.asked(asker).pk)
    walk.ids["row_id"] = walk.ids.get(f"{act.removesuffix('_content')}_id", "")


def _after(*verbs: str, **values: str) -> Callable[[Walk], None]:
    """The same operator did something to the group, or to the member behind it, before."""

    def prepare(walk: Walk) -> None:
        for verb in verbs:
            path = f"/operator/audit/review/{walk.ids['fingerprint']}/{verb.format(**walk.ids)}/"
            assert walk.client.post(path, values).status_code == 302

    return prepare


def _agent(walk: Walk) -> None:
    walk.form["agent"] = walk.ids["agent_id"]


def _upload(walk: Walk) -> None:
    walk.form = {"file": SimpleUploadedFile("a.txt", b"Words."), "visibility": "private"}


def _chosen(walk: Walk) -> None:
    walk.form["file"] = [walk.ids["file_id"]]


def _search(walk: Walk) -> None:
    walk.form["q"] = "refunds"


def _somebody_new(walk: Walk) -> None:
    walk.client = Client()


def _leaver(walk: Walk) -> None:
    # The last owner cannot leave.
    walk.client = browser(ADA)


def _link(purpose: str, email: str = "") -> Callable[[Walk], None]:
    """Whoever asks has the link from the mail."""

    def prepare(walk: Walk) -> None:
        link = links.make(Account.objects.get(pk=ALICE.subject), purpose, email=email)
        walk.form["link"] = links.token_of(link)

    return prepare


def _code(walk: Walk) -> None:
    walk.form["code"] = Authenticator.of(ALICE).code()


def _first_code(walk: Walk) -> None:
    walk.client.post("/account/second-factor/begin/")
    page = walk.client.get("/account/second-factor/set-up/").content
    walk.form["code"] = Authenticator.shown(page).code()


def _half_signed_in(walk: Walk) -> None:
    """A browser in which the password was right, and the code is asked for."""
    _code(walk)
    _password(walk, ALICE, "/sign-in/")


def _operator_half_signed_in(walk: Walk) -> None:
    walk.form["code"] = Authenticator.of(OLGA).code()
    _password(walk, OLGA, "/operator/sign-in/")


def _operator_enrols(walk: Walk) -> None:
    _password(walk, OLGA, "/operator/sign-in/")
    walk.form["code"] = Authenticator.shown(walk.client.get("/operator/sign-in/enrol/").content).code()


def _password(walk: Walk, person: Person, path: str) -> None:
    walk.client = Client()
    assert walk.client.post(path, {"email": person.email, "password": PASSWORD}).status_code == 302


def _second_place(walk: Walk) -> None:
    """Alice belongs to Birch as well."""
    with acting(CHARLIE):
        made = invitations.send(actor=CHARLIE.tenant, email=ALICE.email, role=Role.VIEWER)
        token = invitations.token_of(made)
    invitations.accept(token, proof=Proof(doors.identity_of(ALICE)), name="Alice")
    # In the trail of her own workspace, whichever of the two she enters.
    walk.form["place"] = str(ALICE.membership_id)


def _switch(walk: Walk) -> None:
    _second_place(walk)
    with acting(CHARLIE):
        place = Membership.objects.exclude(pk=CHARLIE.membership_id).get()
    walk.form["place"] = str(place.pk)


def _choice(walk: Walk) -> None:
    _second_place(walk)
    _password(walk, ALICE, "/sign-in/")


def _invited(person: Person | None) -> Callable[[Walk], None]:
    """Somebody of another workspace, or somebody new, holds the link of an invitation."""

    def prepare(walk: Walk) -> None:
        with acting(ALICE):
            email = person.email if person else "nora@elsewhere.test"
            made = invitations.send(actor=ALICE.tenant, email=email, role=Role.VIEWER)
            walk.ids["token"] = invitations.token_of(made)
        walk.client = browser(person)

    return prepare


def _sent_a_while_ago(walk: Walk) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_invitation SET sent_at = sent_at - interval '2 hours'")


def _closed_before(act: Callable[..., None]) -> Callable[[Walk], None]:
    """An operator suspended the workspace, or is closing it."""

    def prepare(walk: Walk) -> None:
        act(olga(), workspace_id=ACME.id, reason="A walk.")

    return prepare


def _kept(place: str) -> Callable[[Walk], None]:
    """The same operator saved a filter of the list."""

    def prepare(walk: Walk) -> None:
        path = f"/operator/audit/{place}/"
        walk.client.post(f"{path}filters/save/", {"name": "Walk", "query": "severity=critical"})
        [kept] = walk.client.get(path).context["saved"]
        walk.ids["filter_id"] = str(kept.pk)

    return prepare


def _suspended(walk: Walk) -> None:
    reviews.suspend(olga(), member=BOB.membership_id, workspace=ACME.id)


def _a_failed_job(walk: Walk) -> None:
    with acting(ALICE):
        walk.ids["job_id"] = str(enqueue(reading.read, file_id=walk.ids["file_id"]))
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [walk.ids["job_id"]])


def _proven(walk: Walk) -> None:
    """The isolation was proven at a start."""
    isolation.findings_at_start()
    walk.ids["run_id"] = str(IsolationProof.objects.using("ops").get().pk)


def _provider_inside(walk: Walk) -> None:
    """A provider whose address is not called any more: that it was to be, and was not, is an entry as well."""
    with override_settings(OUTBOUND_ALLOWED_NETWORKS=["127.0.0.1/32"]), acting(ALICE):
        typed = vendors.Words("Inside", "openai", "http://127.0.0.1:9/v1", models=["tern-small"])
        walk.ids["provider_id"] = str(vendors.add(typed, actor=ALICE.tenant))


def _console_alone(walk: Walk) -> None:
    walk.client = doors.operator(OLGA)


PREPARED: Final[dict[str, Callable[[Walk], None]]] = {
    "accounts:sign_in": _somebody_new,
    "accounts:choose": _choice,
    "accounts:second": _half_signed_in,
    "accounts:forgotten": _somebody_new,
    "accounts:reset": _link(MailedLink.Purpose.RESET),
    "accounts:email_confirm": _link(MailedLink.Purpose.EMAIL, "alicia@acme.test"),
    "accounts:second_factor_set_up": _first_code,
    "accounts:second_factor_off": _code,
    "accounts:second_factor_codes": _code,
    "accounts:switch": _switch,
    "accounts:leave": _leaver,
    "accounts:invitation_join": _invited(CHARLIE),
    "accounts:invitation_register": _invited(None),
    "accounts:invitation_resend": _sent_a_while_ago,
    "accounts:operator_second": _operator_half_signed_in,
    "accounts:operator_enrol": _operator_enrols,
    "accounts:operator_sign_out": _console_alone,
    "files:search": _search,
    "import:begin": _an_empty_workspace,
    "import:content": _a_kept_trail,
    "conversations:start": _agent,
    **dict.fromkeys(("files:upload", "conversations:upload"), _upload),
    **dict.fromkeys((*(name for name in coverage.ENTRIES if "_chosen" in name), "conversations:attach"), _chosen),
    "operator:audit_entry_filter_remove": _kept("entry"),
    "operator:review_filter_remove": _kept("review"),
    "operator:operator_proof_document": _proven,
    "models:test": _provider_inside,
    "operator:review_release": _after("assign"),
    "operator:review_reopen": _after("resolve", resolution="bug"),
    "operator:review_unblock": _after("block", address="203.0.113.9", minutes="15"),
    "operator:review_readmit": _after("{entry_id}/suspend"),
    "operator:accounts_user_readmit": _suspended,
    "operator:accounts_workspace_restore": _closed_before(workspaces.suspend),
    "operator:accounts_workspace_reopen": _closed_before(workspaces.close),
    "operator:procrastinate_procrastinatejob_retry": _a_failed_job,
    "operator:procrastinate_procrastinatejob_discard": _a_failed_job,
}
