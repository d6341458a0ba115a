"""At which addresses do people come in, go out, and look after their account and keys?"""

from __future__ import annotations

from django.urls import path

from accounts.views import (
    account,
    installation,
    invitations,
    keys,
    operators,
    organizations,
    people,
    sign_in,
    workspaces,
)

app_name = "accounts"

urlpatterns = [
    path("", sign_in.front, name="front"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-in/address/", sign_in.address, name="address"),
    path("sign-in/workspace/", sign_in.choose, name="choose"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/sessions/end/", account.end_all_sessions, name="end_all_sessions"),
    path("account/sessions/<uuid:session_id>/end/", account.end_session, name="end_session"),
    path("account/installation/", installation.installation, name="installation"),
    path("keys/", keys.key_list, name="keys"),
    path("keys/new/", keys.key_create, name="key_create"),
    path("keys/<uuid:key_id>/revoke/", keys.key_revoke, name="key_revoke"),
    path("keys/<uuid:key_id>/rotate/", keys.key_rotate, name="key_rotate"),
    path("workspaces/", workspaces.workspaces, name="workspaces"),
    path("workspaces/switch/", workspaces.switch, name="switch"),
    path("people/", people.people, name="people"),
    path("people/leave/", people.leave, name="leave"),
    path("people/invite/", invitations.invite, name="invite"),
    path("people/invitations/<uuid:invitation_id>/resend/", invitations.resend, name="invitation_resend"),
    path("people/invitations/<uuid:invitation_id>/withdraw/", invitations.withdraw, name="invitation_withdraw"),
    path("people/single-sign-on/", organizations.single_sign_on, name="single_sign_on"),
    path("people/single-sign-on/connect/", organizations.connect, name="sso_connect"),
    path("people/single-sign-on/connected/", organizations.connected, name="sso_connected"),
    path("people/single-sign-on/rules/", organizations.change_rules, name="sso_rules"),
    path("people/single-sign-on/disconnect/", organizations.disconnect, name="sso_disconnect"),
    path("people/<uuid:member_id>/", people.member, name="member"),
    path("people/<uuid:member_id>/role/", people.change_role, name="member_role"),
    path("people/<uuid:member_id>/suspend/", people.suspend, name="member_suspend"),
    path("people/<uuid:member_id>/restore/", people.restore, name="member_restore"),
    path("people/<uuid:member_id>/remove/", people.remove, name="member_remove"),
    path("people/<uuid:member_id>/transfer/", people.transfer, name="member_transfer"),
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
    path("invitations/<str:token>/join/", invitations.join, name="invitation_join"),
    path("invitations/<str:token>/sign-in/", invitations.sign_in_first, name="invitation_sign_in"),
    path("invitations/<str:token>/new/", invitations.register, name="invitation_register"),
    path("operator/sign-in/", operators.sign_in, name="operator_sign_in"),
    path("operator/sign-out/", operators.sign_out, name="operator_sign_out"),
]
