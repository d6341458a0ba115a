"""At which addresses do people come in, go out, and look after their account and keys?"""

from __future__ import annotations

from django.urls import path

from accounts.views import account, installation, keys, operators, sign_in, sso, webhooks

app_name = "accounts"

urlpatterns = [
    path("", sign_in.front, name="front"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-in/workspace/", sign_in.choose, name="choose"),
    path("sign-in/sso/", sso.start, name="sso_start"),
    path("sign-in/sso/callback/", sso.callback, name="sso_callback"),
    path("webhooks/workos/", webhooks.workos, name="workos_webhook"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/sessions/end/", account.end_all_sessions, name="end_all_sessions"),
    path("account/sessions/<uuid:session_id>/end/", account.end_session, name="end_session"),
    path("account/installation/", installation.installation, name="installation"),
    path("keys/", keys.key_list, name="keys"),
    path("keys/new/", keys.key_create, name="key_create"),
    path("keys/<uuid:key_id>/revoke/", keys.key_revoke, name="key_revoke"),
    path("operator/sign-in/", operators.sign_in, name="operator_sign_in"),
    path("operator/sign-out/", operators.sign_out, name="operator_sign_out"),
]
