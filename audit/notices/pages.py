"""Where do operators say who of them hears of what, and see what became of each message?"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path

from accounts.operators import OperatorAdmin, OperatorRequest, across, site
from accounts.pagination import paginate
from audit.notices import operating
from audit.notices.addresses import Unfit
from audit.notices.forms import OperatorChannelForm, RuleForm
from audit.notices.models import ChannelState, Message, OperatorChannel, Rule

Row = TypeVar("Row", bound=Model)

MESSAGES_ON_A_PAGE = 50
_CHANNELS, _RULES, _OUTBOX = (f"operator:audit_{name}_changelist" for name in ("operatorchannel", "rule", "message"))


class ChannelAdmin(OperatorAdmin[OperatorChannel]):
    """The operators' channels."""

    purpose = "Where operators hear of what happens, and whether they do."
    room = "Notifications"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OperatorChannel]:
        """Without what is encrypted, which operators may not read."""
        return super().get_queryset(request).defer("sealed").order_by("-created_at")

    def get_urls(self) -> list[Any]:
        """The list, the form, one channel, and a verb each."""
        verbs = ("pause", "resume", "remove", "test")
        name = "audit_operatorchannel"
        return [
            path("new/", self.admin_site.admin_view(self.new_view), name=f"{name}_new"),
            path("create/", site.act_view(self.create_view), name=f"{name}_create"),
            *(
                path(f"<uuid:row_id>/{verb}/", site.act_view(self.verb_view), {"verb": verb}, f"{name}_{verb}")
                for verb in verbs
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Every channel, with how it fares."""
        states = {one.channel_id: one for one in _rows(ChannelState)}
        rows = [(one, states.get(one.pk)) for one in self.get_queryset(request)]
        return self._page(request, "audit/operator_channels.html", {"rows": rows})

    def row_view(self, request: HttpRequest, row_id: UUID) -> TemplateResponse:
        """One channel, with what it was sent lately."""
        row = self.get_queryset(request).filter(pk=row_id).first()
        if row is None:
            raise Http404("There is no such channel.")
        sent = _rows(Message).filter(channel_id=row.pk).order_by("-created_at", "-id")[:MESSAGES_ON_A_PAGE]
        state = _rows(ChannelState).filter(pk=row.pk).first()
        return self._page(request, "audit/operator_channel.html", {"row": row, "state": state, "sent": list(sent)})

    def new_view(self, request: HttpRequest) -> TemplateResponse:
        """Ask where to."""
        return self._form(request, OperatorChannelForm())

    def create_view(self, request: OperatorRequest) -> HttpResponseBase:
        """Add a channel, and show its signing secret this once."""
        form = OperatorChannelForm(request.POST)
        if not form.is_valid():
            return self._form(request, form)
        try:
            added = operating.add_channel(operator=request.operator, **form.chosen())
        except Unfit as unfit:
            form.add_error("address", str(unfit))
            return self._form(request, form)
        if not added.secret:
            return redirect("operator:audit_operatorchannel_change", added.id)
        values = {"name": form.cleaned_data["name"], "secret": added.secret, "row_id": added.id}
        return self._page(request, "audit/operator_channel_created.html", values, 201)

    def verb_view(self, request: OperatorRequest, row_id: UUID, verb: str) -> HttpResponseBase:
        """Pause, resume, remove or test one."""
        if verb == "test":
            done = operating.test_channel(operator=request.operator, channel=row_id)
        else:
            done = operating.change_channel(operator=request.operator, channel=row_id, act=verb)
        _say(request, done=done)
        return redirect(_CHANNELS) if verb == "remove" else redirect("operator:audit_operatorchannel_change", row_id)

    def _form(self, request: HttpRequest, form: OperatorChannelForm) -> TemplateResponse:
        return self._page(request, "audit/operator_channel_new.html", {"form": form}, 422 if form.errors else 200)

    def _page(self, request: HttpRequest, template: str, values: dict[str, Any], status: int = 200) -> TemplateResponse:
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **values}, status=status)


class RuleAdmin(OperatorAdmin[Rule]):
    """The operators' rules."""

    purpose = "Which entries operators are told of, and how severe each is."
    room = "Notifications"

    def get_urls(self) -> list[Any]:
        """The list, the form for a new or an old one, keeping and removing."""
        return [
            path("new/", self.admin_site.admin_view(self.new_view), name="audit_rule_new"),
            path("keep/", site.act_view(self.keep_view), name="audit_rule_create"),
            path("<uuid:row_id>/keep/", site.act_view(self.keep_view), name="audit_rule_keep"),
            path("<uuid:row_id>/remove/", site.act_view(self.remove_view), name="audit_rule_remove"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Every rule, in the order in which they are asked."""
        values = {
            **self.admin_site.each_context(request),
            "rows": self.get_queryset(request).order_by("position", "id"),
        }
        return TemplateResponse(request, "audit/operator_rules.html", values)

    def new_view(self, request: HttpRequest) -> TemplateResponse:
        """An empty form."""
        return self._form(request, RuleForm(), None)

    def row_view(self, request: HttpRequest, row_id: UUID) -> TemplateResponse:
        """One rule, to change."""
        row = self.get_queryset(request).filter(pk=row_id).first()
        if row is None:
            raise Http404("There is no such rule.")
        return self._form(request, RuleForm(initial={name: getattr(row, name) for name in RuleForm.base_fields}), row)

    def keep_view(self, request: OperatorRequest, row_id: UUID | None = None) -> HttpResponseBase:
        """Change one, or add one."""
        row = self.get_queryset(request).filter(pk=row_id).first() if row_id else None
        if row_id and row is None:
            raise Http404("There is no such rule.")
        form = RuleForm(request.POST)
        if not form.is_valid():
            return self._form(request, form, row)
        operating.keep_rule(operator=request.operator, rule=row_id, values=form.cleaned_data)
        _say(request, done=True)
        return redirect(_RULES)

    def remove_view(self, request: OperatorRequest, row_id: UUID) -> HttpResponseBase:
        """Take one away."""
        _say(request, done=operating.remove_rule(operator=request.operator, rule=row_id))
        return redirect(_RULES)

    def _form(self, request: HttpRequest, form: RuleForm, row: Rule | None) -> TemplateResponse:
        values = {**self.admin_site.each_context(request), "form": form, "row": row}
        return TemplateResponse(request, "audit/operator_rule.html", values, status=422 if form.errors else 200)


class OutboxAdmin(OperatorAdmin[Message]):
    """What was sent, what waits, and what was given up."""

    purpose = "What was sent to whom, what waits, and what could not be delivered."
    room = "Notifications"

    def get_urls(self) -> list[Any]:
        """The list, and another try for what was given up."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="audit_message_changelist"),
            path("<uuid:row_id>/retry/", site.act_view(self.retry_view), name="audit_message_retry"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The newest first; ``?state=dead`` shows what was given up."""
        state = request.GET.get("state", "")
        found = self.get_queryset(request)
        if state in Message.State.values:
            found = found.filter(state=state)
        page = paginate(found, request.GET.get("cursor"), MESSAGES_ON_A_PAGE)
        names = dict(_rows(OperatorChannel).values_list("id", "name"))
        values = {
            **self.admin_site.each_context(request),
            "page": page,
            "rows": [(one, names.get(one.channel_id, "")) for one in page.items],
            "state": state,
            "dead": self.get_queryset(request).filter(state=Message.State.DEAD).count(),
        }
        return TemplateResponse(request, "audit/operator_outbox.html", values)

    def retry_view(self, request: OperatorRequest, row_id: UUID) -> HttpResponseBase:
        """Send a message again that was given up."""
        _say(request, done=operating.retry(operator=request.operator, message=row_id))
        return redirect(_OUTBOX)


def _rows(model: type[Row]) -> QuerySet[Row]:
    # Across the fence because operators' channels and what was sent belong to no workspace: ids, counts, our own words.
    return across(model)


def _say(request: HttpRequest, *, done: bool) -> None:
    if done:
        messages.success(request, "Done, and recorded.")
    else:
        messages.info(request, "There was nothing to change.")


site.register(OperatorChannel, ChannelAdmin)
site.register(Rule, RuleAdmin)
site.register(Message, OutboxAdmin)
